import * as z from 'zod';
import { ipNumber, isInRanges, parseIpRange } from '../../schema/ip-range.js';
import { definePolicy } from './contract.js';

const range = z.string().superRefine((text, context) => {
  try {
    parseIpRange(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const config = z
  .strictObject({
    allow: z.array(range).max(10_000).optional().describe('Addresses and networks that may call; all when absent.'),
    deny: z.array(range).max(10_000).default([]).describe('Addresses and networks that may not, also when they are allowed.'),
  })
  .refine(({ allow, deny }) => allow !== undefined || deny.length > 0, { message: 'Give allow, deny, or both.' });

/** Looks at the client's address before anything else is asked; behind a proxy that is in `--trusted-proxies` that is the address the proxy names. */
export const ipFilter = definePolicy({
  type: 'ip_filter',
  stage: 'address',
  exclusive: false,
  summary: 'Lets only some client addresses call, or keeps some away.',
  config,
  example: { allow: ['192.0.2.0/24', '2001:db8::/32'], deny: ['192.0.2.66'] },
  compile({ allow, deny }, { errorReply }) {
    const [allowed, denied] = [allow?.map(parseIpRange), deny.map(parseIpRange)];
    const refusal = { ...errorReply('forbidden', 'Requests from this address are not accepted.'), reason: 'ip_filter' };
    return {
      request({ clientIp }) {
        const address = ipNumber(clientIp);
        const isWelcome = address !== undefined && !isInRanges(address, denied) && (allowed === undefined || isInRanges(address, allowed));
        return isWelcome ? undefined : refusal;
      },
    };
  },
});
