/** Colours for text, or none, and the room that there is for it. */

type Colour = (text: string) => string;

export interface Paint {
  readonly red: Colour;
  readonly green: Colour;
  readonly yellow: Colour;
  readonly cyan: Colour;
  readonly bold: Colour;
  readonly dim: Colour;
  /** Cells of a line of the terminal; without end for what is none. */
  readonly columns: number;
}

const ansi =
  (open: number, close: number) =>
  (text: string): string =>
    `\u001B[${open}m${text}\u001B[${close}m`;

const same = (text: string): string => text;

export const colours: Paint = {
  red: ansi(31, 39),
  green: ansi(32, 39),
  yellow: ansi(33, 39),
  cyan: ansi(36, 39),
  bold: ansi(1, 22),
  dim: ansi(2, 22),
  columns: Infinity,
};

export const plain: Paint = { red: same, green: same, yellow: same, cyan: same, bold: same, dim: same, columns: Infinity };

/** Control characters, and those that turn the direction of a line. */
// eslint-disable-next-line no-control-regex -- this is the place that removes them
const UNPRINTABLE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/g;

/** Text from outside with its control characters made visible, so that no name or value can steer the terminal. */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The same on one line: a cell of a table that holds a line feed or tab would look like other rows and columns. */
export const printableCell = (text: string): string => printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');

/** A cell of a Markdown table: it neither ends early nor begins HTML. */
export const escapeCell = (text: string): string =>
  printable(text).replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
