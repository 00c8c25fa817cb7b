/** How long an old key goes on working after a rotation (document C's scenarios). */
import { select } from './dom.js';

const GRACE: readonly (readonly [hours: string, label: string])[] = [
  ['24', '24 hours: a usual rotation'],
  ['1', '1 hour: the key may be known to others'],
  ['48', '48 hours: a rolling deployment'],
  ['72', '72 hours: a partner'],
  ['168', '168 hours: a week'],
];

/** The choice, with a day as a rule. */
export function graceChoice(): HTMLSelectElement {
  const hours = select(GRACE, '24');
  hours.name = 'grace';
  return hours;
}
