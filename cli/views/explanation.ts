/** A kind or a field, explained. */
import { dump } from 'js-yaml';
import type { Explanation } from '../operations/explain.js';
import type { Paint } from './paint.js';

const WIDTH = 100;

/** Its type and meaning, its fields, and an example. */
export function explanationText({ path, type, description, fields, example, ...rest }: Explanation, paint: Paint): string {
  const head = path === '' ? '' : `${paint.bold(path)}  ${paint.dim(type)}\n`;
  const value = rest.default === undefined ? '' : `Default: ${JSON.stringify(rest.default)}\n`;
  const lines = fields.flatMap((field) => {
    const marks = [field.required ? 'required' : '', field.default === undefined ? '' : `default ${JSON.stringify(field.default)}`].filter(
      (mark) => mark !== '',
    );
    const title = `  ${paint.cyan(field.name)}  ${paint.dim([field.type, ...marks].join(', '))}`;
    return [title, ...wrap(field.description, WIDTH - 6).map((line) => `      ${line}`)];
  });
  const shown =
    example === undefined
      ? []
      : [
          '',
          paint.bold('Example of a spec'),
          ...dump(example, { lineWidth: WIDTH })
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        ];
  return `${head}${wrap(description, WIDTH).join('\n')}\n${value}${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}${shown.map((line) => `${line}\n`).join('')}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
