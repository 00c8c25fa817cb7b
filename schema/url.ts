/** Rules for addresses that the product calls by itself: upstreams, callbacks, webhooks (security requirement 30). */
import * as z from 'zod';
import { isForbiddenHost } from './address.js';

/** An absolute http or https URL without credentials, fragment, query or control characters. What a name resolves to is checked where it is used. */
export const upstreamUrl = z.string().superRefine((text, context) => {
  const problem = httpUrlProblem(text) ?? (/[?#]/.test(text) ? 'An upstream URL has no query and no fragment.' : undefined);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** An absolute http or https URL that is called back; a query is fine. */
export const callbackUrl = z.string().superRefine((text, context) => {
  const problem = httpUrlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function httpUrlProblem(text: string): string | undefined {
  if (text.length > 2048) return 'A URL has at most 2048 characters.';
  // eslint-disable-next-line no-control-regex -- control characters and spaces are what is refused here
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return 'A URL has no spaces, backslashes or control characters.';
  const url = parsedUrl(text);
  if (url === undefined) return 'It is not an absolute URL such as https://api.example.com.';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `"${url.protocol}" is not supported; use http: or https:.`;
  if (url.username !== '' || url.password !== '') return 'A URL carries no user name and no password.';
  if (isForbiddenHost(url.hostname))
    return `Nothing is called at ${url.hostname}: link-local, metadata and reserved addresses are refused.`;
  return undefined;
}

/** One parse in place of two: every API of a large set is looked at. */
function parsedUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
