/** In which language a request wants its errors, and errors in that language (row CV22, decision K27). */
import type { FastifyRequest } from 'fastify';
import type { ErrorBody } from '../../../schema/error.js';
import { FRENCH } from './french.js';
import { FRENCH_SETS } from './french-sets.js';

export type Language = 'en' | 'fr';

/** The better of English and French for an `Accept-Language` (RFC 9110, section 12.5.4); English when it asks for neither. */
export function languageOf({ headers }: Pick<FastifyRequest, 'headers'>): Language {
  const ranges = (headers['accept-language'] ?? '').slice(0, 1000).split(',');
  let best: { readonly language: Language; readonly weight: number } | undefined;
  for (const range of ranges) {
    const [, tag = '', q = '1'] = /^\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*$/.exec(range) ?? [];
    const language = ({ fr: 'fr', en: 'en', '*': 'en' } as const)[tag.toLowerCase() as 'fr'] as Language | undefined;
    const weight = Number(q);
    if (language !== undefined && weight > (best?.weight ?? 0)) best = { language, weight };
  }
  return best?.language ?? 'en';
}

/** The body of an error in a language. Codes and field names are the same in every one. */
export function inLanguage({ error }: ErrorBody, language: Language): ErrorBody {
  if (language === 'en') return { error };
  const { message, hint, details } = error;
  return {
    error: {
      ...error,
      message: french(message),
      ...(hint === undefined ? {} : { hint: french(hint) }),
      ...(details === undefined ? {} : { details: details.map((detail) => ({ ...detail, message: french(detail.message) })) }),
    },
  };
}

interface Template {
  readonly pattern: RegExp;
  readonly parts: readonly string[];
  /** Whether what stands at a place is somebody's own word: a name in quotes. */
  readonly isData: readonly boolean[];
}

const MAX_DEPTH = 4;
let templates: readonly Template[] | undefined;

/** The French form of a message of ours; the text itself where there is none. */
export function french(text: string, depth = 0): string {
  const whole = FRENCH[text] ?? FRENCH_SETS[text];
  if (whole !== undefined) return whole;
  if (depth > MAX_DEPTH) return text;
  templates ??= compile({ ...FRENCH, ...FRENCH_SETS });
  for (const { pattern, parts, isData } of templates) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const filled = found.slice(1).map((value, index) => (isData[index] === true ? value : french(value, depth + 1)));
    return parts.map((part, index) => part + (filled[index] ?? '')).join('');
  }
  return text;
}

/** Templates with places to fill, those with the most words of their own first. */
function compile(catalogue: Readonly<Record<string, string>>): Template[] {
  return Object.entries(catalogue)
    .filter(([english]) => english.includes('{}'))
    .sort(([a], [b]) => b.replaceAll('{}', '').length - a.replaceAll('{}', '').length)
    .map(([english, translation]) => {
      const literals = english.split('{}');
      const isData = literals.slice(0, -1).map((literal, index) => literal.endsWith('"') && (literals[index + 1] ?? '').startsWith('"'));
      const places = isData.map((own) => (own ? '([^"]*)' : '([^]*?)'));
      const escaped = literals.map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      const source = escaped.map((literal, index) => literal + (places[index] ?? '')).join('');
      return { pattern: new RegExp(`^${source}$`), parts: translation.split('{}'), isData };
    });
}
