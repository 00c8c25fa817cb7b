/** The text of a file as a gateway seals it: its JSON, with the checksum of what comes before as the last member. */
import { createHash } from 'node:crypto';

export function sealedText(value: object): string {
  const text = JSON.stringify(value).slice(0, -1);
  return `${text},"checksum":"${createHash('sha256').update(text).digest('hex')}"}\n`;
}
