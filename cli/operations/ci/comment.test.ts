import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startForge, type Forge } from '../../../test/helpers/forge.js';
import { comment } from './comment.js';

const MARKER = '<!-- stoactl diff: shop -->';
const { signal } = new AbortController();

let forge: Forge;
afterEach(() => forge.stop());

describe.each(['github', 'gitlab'] as const)('on %s', (system) => {
  it('makes one comment, finds it again behind those of others, and leaves it alone when nothing has changed', async () => {
    forge = await startForge(130);
    const env = forge[system];

    const actions = [];
    for (const text of ['one\n', 'two\n', 'two\n']) actions.push((await comment(`${MARKER}\n${text}`, env, signal)).action);
    await comment('<!-- stoactl diff: other -->\nthree\n', env, signal);

    expect(actions).toEqual(['created', 'updated', 'unchanged']);
    expect(forge.comments.slice(130).map(({ body }) => body)).toEqual([`${MARKER}\ntwo\n`, '<!-- stoactl diff: other -->\nthree\n']);
    expect(forge.calls.filter((call) => !call.startsWith('GET'))).toHaveLength(3);
  });

  it('says what a token needs, and shows none', async () => {
    forge = await startForge();
    const name = system === 'github' ? 'GITHUB_TOKEN' : 'GITLAB_TOKEN';

    await expect(comment(MARKER, { ...forge[system], [name]: '' }, signal)).rejects.toMatchObject({ code: 'unauthorized' });
    const refused = await comment(MARKER, { ...forge[system], [name]: 'wrong-token' }, signal).catch((error: unknown) => error);

    expect(refused).toMatchObject({ code: 'forbidden', hint: expect.stringContaining('must be allowed to write comments') as string });
    expect(JSON.stringify(refused)).not.toContain('wrong-token');
  });
});

it('reads the number of the pull request from the event where the ref is a branch', async () => {
  forge = await startForge();
  const directory = mkdtempSync(join(tmpdir(), 'stoa-event-'));
  const file = join(directory, 'event.json');
  writeFileSync(file, JSON.stringify({ pull_request: { number: 17 } }));

  const done = await comment(MARKER, { ...forge.github, GITHUB_REF: 'refs/heads/main', GITHUB_EVENT_PATH: file }, signal);
  rmSync(directory, { recursive: true });

  expect(done.action).toBe('created');
});

it('refuses what is no pull request, no pipeline, or no text with a marker', async () => {
  forge = await startForge();
  const wrong: readonly [string, Readonly<Record<string, string>>][] = [
    [MARKER, {}],
    [MARKER, { ...forge.github, GITHUB_REF: 'refs/heads/main' }],
    [MARKER, { GITLAB_CI: 'true', GITLAB_TOKEN: 'x' }],
    ['no marker', forge.github],
  ];

  for (const [text, env] of wrong) await expect(comment(text, env, signal)).rejects.toMatchObject({ code: 'usage_error' });
  expect(forge.calls).toEqual([]);
});
