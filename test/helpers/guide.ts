/** The pages of docs/guide, which walk through the whole API with a reader. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { examplesOf, type Example } from './console.js';
import { callsOf } from './snippets.js';
import { ROOT } from './stack.js';

const DIRECTORY = join(ROOT, 'docs', 'guide');

/** Names of the pages, in the order of the alphabet. */
export const guidePages = (): string[] =>
  readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.md'))
    .sort();

/** The commands of a page with what they print. */
export const guideExamples = (page: string): Example[] => examplesOf(readFileSync(join(DIRECTORY, page), 'utf8'));

/** What every curl of the pages asks for, as `callsOf` writes it; a call with a filter also counts as the call alone. */
export const guideCalls = (): string[] =>
  guidePages()
    .flatMap((page) => guideExamples(page).flatMap(({ command }) => callsOf(command)))
    .flatMap((call) => [call, call.split(' | ')[0] ?? call]);
