/** The addresses outside of /v1: the token and the health. They need no token. */
import type { Node } from './components.js';

const text = (description: string): Node => ({ type: 'string', description });
const object = (properties: Node): Node => ({ type: 'object', required: Object.keys(properties), properties });

const json = (description: string, schema: Node, example: unknown): Node => ({
  description,
  content: { 'application/json': { schema, example } },
});

const get = (operationId: string, tag: string, summary: string, answer: Node, parameters: readonly Node[] = []): Node => ({
  operationId,
  tags: [tag],
  summary,
  security: [],
  parameters,
  responses: { 200: answer, 500: { $ref: '#/components/responses/internal_error' } },
});

const realm = {
  name: 'realm',
  in: 'path',
  required: true,
  description: 'Any realm name; the documents use stoa.',
  schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$', default: 'stoa' },
};

const tokenForm = {
  type: 'object',
  required: ['client_id', 'client_secret', 'grant_type'],
  properties: {
    client_id: text('Id of the client.'),
    client_secret: text('Its secret.'),
    grant_type: { type: 'string', enum: ['client_credentials'], description: 'The only grant.' },
    scope: text('tenant:NAME limits the token to one tenant, role:NAME to one role.'),
  },
};

const tokenError = {
  type: 'object',
  required: ['error'],
  properties: { error: text('RFC 6749, section 5.2.'), error_description: text('Why.') },
};

const token = {
  operationId: 'getToken',
  tags: ['Authentication'],
  summary: 'Get an access token',
  security: [],
  parameters: [realm],
  requestBody: {
    required: true,
    content: {
      'application/x-www-form-urlencoded': {
        schema: tokenForm,
        example: { client_id: 'control-plane-api', client_secret: 'YOUR_SECRET', grant_type: 'client_credentials' },
      },
    },
  },
  responses: {
    200: json(
      'The token; it lives for five minutes.',
      object({
        access_token: text('Sent as Authorization: Bearer.'),
        expires_in: { type: 'integer', description: 'Seconds.' },
        refresh_expires_in: { type: 'integer', description: 'Always 0: there are no refresh tokens.' },
        token_type: text('Bearer.'),
        'not-before-policy': { type: 'integer', description: 'Always 0.' },
        scope: text('What the token is limited to.'),
      }),
      {
        access_token: 'eyJ…',
        expires_in: 300,
        refresh_expires_in: 0,
        token_type: 'Bearer',
        'not-before-policy': 0,
        scope: 'email profile',
      },
    ),
    400: json('The request is not as it should be.', tokenError, { error: 'invalid_request', error_description: 'grant_type is missing.' }),
    401: json('The client is unknown or its secret wrong.', tokenError, {
      error: 'invalid_client',
      error_description: 'Invalid client or Invalid client credentials',
    }),
  },
};

const health = object({
  status: text('ok.'),
  version: text('Version of the product.'),
  uptime_seconds: { type: 'integer', description: 'Since the start.' },
});

/** Path items outside of /v1. */
export const outsidePaths: Readonly<Record<string, Node>> = {
  '/realms/{realm}/protocol/openid-connect/token': { post: token },
  '/realms/{realm}/protocol/openid-connect/certs': {
    get: get(
      'getKeySet',
      'Authentication',
      'Get the keys that check tokens',
      json('A JSON Web Key Set.', object({ keys: { type: 'array', items: { type: 'object' } } }), { keys: [] }),
      [realm],
    ),
  },
  '/realms/{realm}/.well-known/openid-configuration': {
    get: get(
      'discoverIssuer',
      'Authentication',
      'Discover the token issuer',
      json('As OpenID Connect Discovery has it.', { type: 'object' }, { issuer: 'http://localhost:8000/realms/stoa' }),
      [realm],
    ),
  },
  '/metrics': {
    get: get('getMetrics', 'Health', 'Tell Prometheus what it counts', {
      description: 'Text format 0.0.4.',
      content: { 'text/plain': { schema: { type: 'string' }, example: 'stoa_key_rotations_total 3\n' } },
    }),
  },
  '/health': {
    get: get(
      'getHealth',
      'Health',
      'Say that the process lives',
      json('It lives.', health, { status: 'ok', version: '0.1.0', uptime_seconds: 3600 }),
    ),
  },
  '/health/live': {
    get: get('getLiveness', 'Health', 'Say that the process lives', json('It lives.', object({ status: text('ok.') }), { status: 'ok' })),
  },
  '/health/ready': {
    get: get('getReadiness', 'Health', 'Say whether it can write', json('It can.', object({ status: text('UP.') }), { status: 'UP' })),
  },
};
