/** Colours for text, or none. */

export interface Paint {
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  bold(text: string): string;
  dim(text: string): string;
}

const ansi =
  (open: number, close: number) =>
  (text: string): string =>
    `\u001B[${open}m${text}\u001B[${close}m`;

const same = (text: string): string => text;

export const colours: Paint = { red: ansi(31, 39), green: ansi(32, 39), yellow: ansi(33, 39), cyan: ansi(36, 39), bold: ansi(1, 22), dim: ansi(2, 22) };

export const plain: Paint = { red: same, green: same, yellow: same, cyan: same, bold: same, dim: same };

/** Text from outside with its control characters made visible, so that no name or value can steer the terminal. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- this is the place that removes them
  text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
