/** The plain form of `dev`: one line an event, the services' own lines as they wrote them. */
import { printable } from '../../views/paint.js';
import type { DevEvent } from './events.js';

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** The text of an event, with its line end. Empty for an event that says nothing new. */
export function eventText(event: DevEvent): string | Buffer {
  switch (event.type) {
    case 'starting':
      return say(`${event.service} is starting`);
    case 'ready':
      return say(`${event.service} is ready at ${event.url}${event.pid === undefined ? '' : ` (pid ${event.pid})`}`);
    case 'died':
      return say(`${event.service} has ended unexpectedly (${event.reason}); it is started again in ${seconds(event.retryMs)}`);
    case 'restart_failed':
      return say(`${event.service} could not be started again: ${event.reason} Next try in ${seconds(event.retryMs)}`);
    case 'halted':
      return say(`${event.service} is stopped; start it with: stoactl dev start ${event.service}`);
    case 'health':
      return '';
    case 'output':
      return event.lines;
    case 'applied':
      return (
        event.text + say(`applied ${event.files} ${event.files === 1 ? 'file' : 'files'} in ${event.milliseconds} ms: ${event.summary}`)
      );
    case 'apply_failed':
      return `${event.text}dev: not applied; the running configuration stays as it was\n`;
    case 'notice':
      return say(event.text);
    case 'stopping':
      return say(`${event.signal}: finishing what is in flight`);
    case 'stopped':
      return say('stopped');
  }
}

const say = (text: string): string => `dev: ${printable(text)}\n`;
