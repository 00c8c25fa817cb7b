import { z } from 'zod';
import { definePolicy } from './contract.js';

const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'A method or header name has no spaces or separators.');

const config = z
  .strictObject({
    origins: z.array(z.string().min(1)).min(1).describe('Origins that may call: exact, https://*.example.com, or "*".'),
    methods: z.array(token).min(1).default(['GET', 'HEAD', 'POST']).describe('Methods that a browser may use.'),
    headers: z.array(token).default([]).describe('Request headers that a browser may send.'),
    expose_headers: z.array(token).default([]).describe('Response headers that scripts may read.'),
    max_age: z.int().min(0).max(86_400).default(600).describe('Seconds for which a browser may remember the answer.'),
    allow_credentials: z.boolean().default(false).describe('Whether cookies and client certificates may be sent.'),
  })
  .refine(({ origins, allow_credentials }) => !(allow_credentials && origins.includes('*')), {
    message: 'allow_credentials cannot go with the origin "*": name the origins.',
    path: ['allow_credentials'],
  });

/** Answers preflights before authentication and puts CORS headers on every answer, the gateway's own errors included. */
export const cors = definePolicy({
  type: 'cors',
  stage: 'preflight',
  exclusive: true,
  summary: 'Lets browsers of the named origins call the API.',
  config,
  example: { origins: ['https://app.example.com'], methods: ['GET', 'POST'], headers: ['Content-Type', 'X-API-Key'], max_age: 3600 },
  compile() {
    return {};
  },
});
