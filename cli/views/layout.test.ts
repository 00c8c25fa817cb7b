import { describe, expect, it } from 'vitest';
import { displayWidth, fitted, padded, shortened, wrapped } from './layout.js';
import { colours } from './paint.js';

describe('widths (CL1)', () => {
  it.each([
    ['plain', 5],
    ['東京', 4],
    ['🚀', 2],
    ['e\u0301té', 3],
    ['\u001b[31mred\u001b[39m', 3],
  ])('counts the cells of %j', (text, cells) => {
    expect(displayWidth(text)).toBe(cells);
  });

  it('pads and cuts by cells, and no character in half', () => {
    expect([padded('東', 4), shortened('東京モバイル', 6), shortened('short', 6)]).toEqual(['東  ', '東京…', 'short']);
  });

  it('cuts a text that is far longer than the room at once', () => {
    expect(shortened('東'.repeat(1_000_000), 5)).toBe('東東…');
  });
});

describe('fitted (CL1)', () => {
  it('leaves alone what is no terminal, and what fits', () => {
    const text = `${'word '.repeat(50)}\nshort\n`;

    expect(fitted(text, Infinity)).toBe(text);
    expect(fitted('short\n', 80)).toBe('short\n');
  });

  it('goes on below the place where the last column of a line begins', () => {
    expect(fitted('ok       part      The gateway is well: version 1, up 3 min.\n', 40)).toBe(
      'ok       part      The gateway is well:\n                   version 1, up 3 min.\n',
    );
    expect(fitted('  note that is too wide for it\n', 20)).toBe('  note that is too\n  wide for it\n');
  });

  it('counts no colour, and breaks within one', () => {
    expect(fitted(`${colours.green('ok')}  ${colours.bold('one two three')}\n`, 12)).toBe(
      `${colours.green('ok')}  ${colours.bold('one two\n    three')}\n`,
    );
  });

  it('breaks no command that a person copies, and no word', () => {
    const command = '  cd shop && stoactl validate -f manifests/one.yaml';

    expect(fitted(command, 20)).toBe(command);
    expect(wrapped('Run "stoactl get apis" then', 12)).toEqual(['Run', '"stoactl get apis"', 'then']);
    expect(fitted('https://example.com/a/long/address', 10)).toBe('https://example.com/a/long/address');
  });
});
