import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from './completion.js';

const commands = [
  { name: 'get', summary: "List what's live", flags: ['--output', '-o'], words: ['apis', 'tenants'] },
  { name: 'rotate-key', summary: 'Rotate', flags: [], words: [], names: 'subscriptions' },
  { name: 'describe', summary: 'Describe', flags: ['--tenant'], words: ['apis', 'tenants'], names: 'kind' },
  { name: 'apply', summary: 'Apply', flags: ['--yes'], words: [] },
];

const complete = (...words: readonly string[]): string[] => {
  const line = `COMP_WORDS=(stoactl ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _stoactl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const script = completionScript('bash', commands).replace(/^complete .*$/m, '');
  return execFileSync('bash', ['-c', `${script}\n${line}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
};

describe('completionScript', () => {
  it.each([
    [['a'], ['apply']],
    [['get', 'te'], ['tenants']],
    [['get', '--o'], ['--output']],
    [['apply', 'x', '--'], ['--yes']],
  ])('completes %j in bash', (words, expected) => {
    expect(complete(...words)).toEqual(expected);
  });

  it('quotes summaries for fish', () => {
    expect(completionScript('fish', commands)).toContain("-a get -d 'List what\\'s live'");
  });
});
