/** Every command, walked: its help says what it does and shows examples that could be typed as they stand. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@oclif/core';
import type { Interfaces } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { globalFlags } from '../cli/flags.js';

const COMMANDS = join(import.meta.dirname, '../cli/commands');

interface CommandClass {
  readonly summary?: string;
  readonly examples?: readonly string[];
  readonly flags: Interfaces.FlagInput;
  readonly args: Interfaces.ArgInput;
  readonly strict: boolean;
}

const commands = (readdirSync(COMMANDS, { recursive: true }) as string[])
  .filter((file) => /(?<!\.test)\.ts$/.test(file))
  .map((file) => file.replace(/\.ts$/, '').split('/').join(' '))
  .sort();

const load = async (name: string): Promise<CommandClass> =>
  ((await import(/* @vite-ignore */ join(COMMANDS, `${name.replace(' ', '/')}.ts`))) as { default: CommandClass }).default;

/** The arguments of each call of stoactl in an example: up to a pipe, a redirection or the next command; with quotes read as a shell does. */
function callsOf(example: string): string[][] {
  return example.split(/&&|\|(?!\|)/).flatMap((part) => {
    const call = /<%= config\.bin %>\s*(.*?)\s*(?:[<>)].*)?$/.exec(part.replaceAll('<%= command.id %>', ''))?.[1];
    return call === undefined
      ? []
      : [[...call.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '')];
  });
}

describe.each(commands)('stoactl %s', (name) => {
  it('has a summary, and examples that parse: every flag and word is one that there is', async () => {
    const { summary = '', examples = [] } = await load(name);
    const calls = examples.flatMap(callsOf);

    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(summary.length, 'one line of a terminal').toBeLessThanOrEqual(80);
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.some((call) => call.join(' ').startsWith(name))).toBe(true);
    for (const call of calls) {
      const own = commands
        .filter((each) => call.join(' ') === each || call.join(' ').startsWith(`${each} `))
        .sort((a, b) => b.length - a.length)[0];
      if (own === undefined) throw new Error(`No command is called by "${call.join(' ')}".`);
      const { flags, args, strict } = await load(own);
      const words = call.slice(own.split(' ').length);
      await expect(Parser.parse(words, { flags: { ...globalFlags, ...flags }, args, strict })).resolves.toBeDefined();
    }
  });
});
