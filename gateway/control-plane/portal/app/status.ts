/** Where a subscription stands, in words. */
import { LIVE, type Subscription } from '../shapes.js';

const WORDS: Readonly<Record<string, string>> = { pending_approval: 'waits for approval' };

/** A status for people. */
export const statusWords = (status: string): string => WORDS[status] ?? status;

/** Whether a subscription stands in the way of another one to the same API. */
export const isLive = ({ status }: Subscription): boolean => LIVE.includes(status);
