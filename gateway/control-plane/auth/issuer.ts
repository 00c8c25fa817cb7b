/** The embedded token issuer (rows CV3 to CV6): client credentials at the addresses where Keycloak has them. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../context.js';
import { findTenant } from '../resources/store.js';
import { isTokenRole } from './roles.js';
import type { Client, Clients } from './secrets.js';
import { TOKEN_SECONDS, type TokenRequest, type Tokens } from './tokens.js';

const DEFAULT_SCOPE = 'email profile';

export interface IssuerOptions {
  readonly cp: ControlPlane;
  readonly clients: Clients;
  readonly tokens: Tokens;
  /** Names of the realms that there are (decision K14). */
  readonly realms: readonly string[];
}

/** An error in the form of RFC 6749, section 5.2. */
class OAuthError extends Error {
  readonly status: 400 | 401 | 404;
  readonly code: string;

  constructor(code: string, description: string, status: 400 | 401 | 404 = 400) {
    super(description);
    this.code = code;
    this.status = status;
  }
}

/** Routes below /realms/{realm}; they need no token. */
export const issuerRoutes: FastifyPluginAsync<IssuerOptions> = (app, options) => {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body as string)),
  );
  app.setErrorHandler(async (error, request, reply) => {
    if (error instanceof OAuthError) return answerError(reply, error);
    if (isUnreadable(error)) return answerError(reply, new OAuthError('invalid_request', 'The body is application/x-www-form-urlencoded.'));
    request.log.error({ event: 'internal_error', request_id: request.id, err: error });
    return reply.code(500).send({ error: 'server_error', error_description: `Server error. Request id: ${request.id}` });
  });
  app.post('/realms/:realm/protocol/openid-connect/token', async (request, reply) => {
    const answer = await issueToken(options, realmOf(options, request), request);
    return reply.header('cache-control', 'no-store').header('pragma', 'no-cache').send(answer);
  });
  app.get('/realms/:realm/protocol/openid-connect/certs', (request) => {
    realmOf(options, request);
    return { keys: [options.tokens.jwk] };
  });
  app.get('/realms/:realm/.well-known/openid-configuration', (request) =>
    discovery(`${options.cp.publicUrl}/realms/${realmOf(options, request)}`),
  );
  return Promise.resolve();
};

function realmOf({ realms }: IssuerOptions, { params }: FastifyRequest): string {
  const { realm } = params as { realm: string };
  if (realms.includes(realm)) return realm;
  // No quotes, and nothing of a stranger's that is no name: RFC 6749, section 5.2, allows few characters here.
  const named = /^[\w.-]+$/.test(realm) ? `realm ${realm}` : 'such realm';
  const are = `there ${realms.length === 1 ? 'is' : 'are'} ${realms.join(', ')}`;
  throw new OAuthError('invalid_request', `There is no ${named}; ${are}. --realms or STOA_REALMS of the control plane adds one.`, 404);
}

async function issueToken(
  { cp, clients, tokens }: IssuerOptions,
  realm: string,
  request: FastifyRequest,
): Promise<Record<string, unknown>> {
  const form = readForm(request.body);
  const client = authenticateClient(clients, form, request.headers.authorization);
  const grant = form.get('grant_type');
  if (grant === undefined) throw new OAuthError('invalid_request', 'grant_type is missing.');
  if (grant !== 'client_credentials') throw new OAuthError('unsupported_grant_type', 'Supported is grant_type=client_credentials.');
  const limits = await readScope(cp, client, form.get('scope') ?? '');
  const access_token = await tokens.sign({ realm, clientId: client.id, ...limits });
  return {
    access_token,
    expires_in: TOKEN_SECONDS,
    refresh_expires_in: 0,
    token_type: 'Bearer',
    'not-before-policy': 0,
    scope: limits.scope,
  };
}

function readForm(body: unknown): ReadonlyMap<string, string> {
  if (!(body instanceof URLSearchParams)) throw new OAuthError('invalid_request', 'The body is application/x-www-form-urlencoded.');
  const form = new Map<string, string>();
  for (const [name, value] of body) {
    if (form.has(name)) throw new OAuthError('invalid_request', `${name.slice(0, 64)} is given twice.`);
    form.set(name, value);
  }
  return form;
}

/** The client by HTTP Basic or by the form, not by both (RFC 6749, section 2.3). */
function authenticateClient(clients: Clients, form: ReadonlyMap<string, string>, authorization: string | undefined): Client {
  const basic = readBasic(authorization);
  if (basic !== undefined && form.has('client_secret')) throw new OAuthError('invalid_request', 'The client is authenticated twice.');
  const id = basic?.id ?? form.get('client_id') ?? '';
  const client = clients.verify(id, basic?.secret ?? form.get('client_secret') ?? '');
  if (client === undefined) throw new OAuthError('invalid_client', 'Invalid client or Invalid client credentials', 401);
  return client;
}

function readBasic(authorization = ''): { id: string; secret: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  try {
    return { id: formDecode(text.slice(0, colon)), secret: formDecode(text.slice(colon + 1)) };
  } catch {
    return { id: '', secret: '' };
  }
}

const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

/** `tenant:{id}` limits the token to one tenant, `role:{name}` to one role; both are echoed. Other scopes are passed over, as Keycloak does. */
async function readScope({ db }: ControlPlane, client: Client, scope: string): Promise<Pick<TokenRequest, 'scope' | 'role' | 'tenant'>> {
  const words = scope.split(' ');
  const [tenantWord, ...moreTenants] = words.filter((word) => word.startsWith('tenant:'));
  const [roleWord, ...moreRoles] = words.filter((word) => word.startsWith('role:'));
  if (moreTenants.length + moreRoles.length > 0) throw new OAuthError('invalid_scope', 'A token has at most one tenant and one role.');
  const tenant = tenantWord === undefined ? undefined : await findTenant(db, tenantWord.slice('tenant:'.length));
  if (tenantWord !== undefined && tenant === undefined) throw new OAuthError('invalid_scope', 'The tenant does not exist.');
  const role = roleWord?.slice('role:'.length) ?? (tenant === undefined ? client.role : 'tenant-admin');
  if (!isTokenRole(role) || (tenant !== undefined && role === 'cpi-admin'))
    throw new OAuthError('invalid_scope', 'The role cannot be given.');
  const echoed = [DEFAULT_SCOPE, tenantWord, roleWord].filter((word) => word !== undefined);
  return { scope: echoed.join(' '), role, tenant };
}

function answerError(reply: FastifyReply, { code, message, status }: OAuthError): FastifyReply {
  if (status === 401) void reply.header('www-authenticate', 'Basic realm="stoa"');
  return reply.code(status).header('cache-control', 'no-store').send({ error: code, error_description: message });
}

/** Errors of fastify about the body: its type, its length. */
function isUnreadable(error: unknown): boolean {
  const { statusCode } = error as { statusCode?: number };
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500;
}

function discovery(issuer: string): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: `${issuer}/protocol/openid-connect/token`,
    jwks_uri: `${issuer}/protocol/openid-connect/certs`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    scopes_supported: ['email', 'profile'],
  };
}
