/** Where a person approves a sign-in, and the code. */
import type { DevicePrompt } from '../operations/device-login.js';
import { printable } from './paint.js';

export function devicePromptText({ verificationUri, verificationUriComplete, userCode, expiresSeconds }: DevicePrompt): string {
  const minutes = Math.max(1, Math.floor(expiresSeconds / 60));
  const complete = verificationUriComplete === undefined ? '' : `or open      ${printable(verificationUriComplete)}\n`;
  return (
    `To sign in, open ${printable(verificationUri)}\n` +
    `and enter    ${printable(userCode)}\n` +
    complete +
    `Waiting for the approval; the code is good for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}. Approve no code that you did not ask for.\n`
  );
}
