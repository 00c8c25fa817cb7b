/**
 * The accept-list of the fast parse: line by line, only forms that every YAML 1.2 reader takes the same way. Whatever is not
 * plainly simple (anchors, tags, tabs, flows over several lines, numbers in odd spellings, ...) is left to the exact parser.
 */

/** Not first of a number, a flow, an anchor or an indicator; no null, no boolean, which some readers would not take as a key. */
const BARE_KEY = '(?!(?:null|true|false|~)\\b)[A-Za-z_][A-Za-z0-9_./-]*';
/** Of an OpenAPI document: paths and references. Not in flows, where braces are indicators. */
const PATH_KEY = '[/$](?:[A-Za-z0-9_./$~-]|\\{[A-Za-z0-9_.-]+\\})*';
const DOUBLE = '"[^"\\\\\\n]*"';
const SINGLE = "'[^'\\n]*'";
const KEY = `(?:${BARE_KEY}|${DOUBLE}|${SINGLE})`;
const NUMBER = '(?:0|-?[1-9][0-9]{0,14}|[0-9]{1,9}\\.[0-9]{1,6})(?![^ ,\\]}\\n])';
/** Begins with what cannot begin a number, or is a number with units or dots that nobody takes for one. */
const WORD_START = '(?:[A-Za-z_/$]|[1-9][0-9]{0,8}[g-wyzG-WYZ/]|[0-9]{1,9}\\.[0-9]{1,9}\\.[0-9])';
/** A text without quotes: no comment and no key inside it. */
const PLAIN = `(?:${NUMBER}|${WORD_START})(?:[^ :#\\n]|:(?=[^ \\n])| +(?=[^ #\\n]))*`;
const FLOW_PLAIN = `(?:${NUMBER}|[A-Za-z_/][A-Za-z0-9_./-]*(?![^ ,\\]}\\n]))`;
const SCALAR = `(?:${FLOW_PLAIN}|${DOUBLE}|${SINGLE})`;
const list = (item: string): string => `\\[ *(?:${item}(?: *, *${item})*)? *\\]`;
const mapping = (item: string): string => `\\{ *(?:${KEY}: +${item}(?: *, *${KEY}: +${item})*)? *\\}`;
const INNER = `(?:${SCALAR}|${list(SCALAR)}|${mapping(SCALAR)})`;
const VALUE = `(?:${PLAIN}|${DOUBLE}|${SINGLE}|${list(INNER)}|${mapping(INNER)})`;
const COMMENT = '(?: +#[^\\n]*)?';

/** One line: 1 indentation, 2 dashes, 3 key with colon, 4 value, 5 block scalar header. */
const LINE = new RegExp(
  `^( *)((?:- +){0,3})(?:((?:${KEY}|${PATH_KEY}):)(?: +(?:(${VALUE})|([|>][+-]?)))?|(${VALUE})|([|>][+-]?)|(-))?${COMMENT} *$`,
);
const IGNORED = /^ *(?:#[^\n]*)?$/;
const MARKER = /^---(?: *| +#[^\n]*)$/;
const END = /^\.\.\.(?: *| +#[^\n]*)$/;
/** Anything but printable ASCII, line feeds and letters that mean nothing to YAML. */
/** Longer lines are left alone: the pattern's cost grows with runs of spaces. */
const MAX_LINE = 1000;
const ODD_CHARACTER = /[^\n\x20-\x7e\u00a1-\u1fff\u2030-\u205e\u2070-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe]/;

/** What the lines so far leave open. */
interface Open {
  /** Column at which the last line's own content began. */
  readonly column: number;
  /** Whether that line was complete: nothing may be nested below it. */
  readonly isClosed: boolean;
  /** Column that a block scalar's lines must lie beyond; undefined when none begins here. */
  readonly blockParent?: number;
}

/** Whether a document is plainly simple. `text` is one document, with its `---` line when it has one. */
export function isPlainlySimple(text: string): boolean {
  if (ODD_CHARACTER.test(text)) return false;
  const lines = text.split('\n');
  let open: Open = { column: -1, isClosed: false };
  let index = MARKER.test(lines[0] ?? '') ? 1 : 0;
  while (index < lines.length) {
    const line = lines[index] ?? '';
    index++;
    if (line.length > MAX_LINE) return false;
    if (IGNORED.test(line) || END.test(line)) continue;
    const next = readLine(line, open);
    if (next === undefined) return false;
    open = next;
    if (next.blockParent === undefined) continue;
    const end = endOfBlock(lines, index, next.blockParent);
    if (end === undefined) return false;
    index = end;
  }
  return true;
}

/** One line after what came before; undefined when it is not plainly simple. */
function readLine(line: string, before: Open): Open | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, indent = '', dashes = '', key, value, header, item, itemHeader, emptyItem] = match;
  if (before.isClosed && indent.length > before.column) return undefined;
  if (key === undefined && dashes === '' && emptyItem === undefined) return undefined;
  const column = indent.length + dashes.length;
  if (header === undefined && itemHeader === undefined) return { column, isClosed: value !== undefined || item !== undefined };
  const parent = key === undefined ? indent.length + dashes.lastIndexOf('-') : column;
  return { column: parent, isClosed: true, blockParent: parent };
}

/** First line after a block scalar whose content is indented by more than `parent`; undefined when its blank lines hold spaces. */
function endOfBlock(lines: readonly string[], from: number, parent: number): number | undefined {
  let index = from;
  for (; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    const indent = line.search(/[^ ]/);
    if (indent === -1) return undefined;
    if (indent <= parent) break;
  }
  return index;
}
