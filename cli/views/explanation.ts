/** A kind or a field, explained. */
import { dump } from 'js-yaml';
import type { Explanation } from '../operations/explain.js';
import { wrapped } from './layout.js';
import type { Paint } from './paint.js';

/** Text is not wider, where a terminal has more room. */
const WIDTH = 100;

/** Its type and meaning, its fields, and an example. */
export function explanationText({ path, type, description, fields, example, ...rest }: Explanation, paint: Paint): string {
  const width = Math.min(WIDTH, paint.columns);
  const head = path === '' ? '' : `${paint.bold(path)}  ${paint.dim(type)}\n`;
  const value = rest.default === undefined ? '' : `Default: ${JSON.stringify(rest.default)}\n`;
  const lines = fields.flatMap((field) => {
    const marks = [field.required ? 'required' : '', field.default === undefined ? '' : `default ${JSON.stringify(field.default)}`].filter(
      (mark) => mark !== '',
    );
    const title = `  ${paint.cyan(field.name)}  ${paint.dim([field.type, ...marks].join(', '))}`;
    return [title, ...wrapped(field.description, width - 6).map((line) => `      ${line}`)];
  });
  const shown =
    example === undefined
      ? []
      : [
          '',
          paint.bold('Example of a spec'),
          ...dump(example, { lineWidth: width - 2 })
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        ];
  return `${head}${wrapped(description, width).join('\n')}\n${value}${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}${shown.map((line) => `${line}\n`).join('')}`;
}
