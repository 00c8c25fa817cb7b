/** The comments of pull requests at GitHub and of merge requests at GitLab, as far as a pipeline uses them: listed in pages, made and changed. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const FORGE_TOKEN = 'forge-token-5e1d';

export interface Forge {
  readonly comments: { readonly id: number; body: string }[];
  /** `METHOD path` of every call. */
  readonly calls: string[];
  /** What GitHub Actions sets for pull request 17. */
  readonly github: Readonly<Record<string, string>>;
  /** What GitLab sets for merge request 17. */
  readonly gitlab: Readonly<Record<string, string>>;
  stop(): void;
}

const LIST = /^\/(?:repos\/acme\/gateway\/issues\/17\/comments|projects\/42\/merge_requests\/17\/notes)$/;
const ONE = /^\/(?:repos\/acme\/gateway\/issues\/comments|projects\/42\/merge_requests\/17\/notes)\/(\d+)$/;

/** Starts with some comments of people, more than a page of them. */
export async function startForge(people = 0): Promise<Forge> {
  const comments = Array.from({ length: people }, (_, index) => ({ id: index + 1, body: `Comment ${index + 1}` }));
  const calls: string[] = [];
  const answer = async (req: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://forge');
    const { authorization, 'private-token': key } = req.headers;
    calls.push(`${req.method ?? ''} ${pathname}`);
    if (authorization !== `Bearer ${FORGE_TOKEN}` && key !== FORGE_TOKEN) return { status: 403, body: {} };
    if (req.method === 'GET' && LIST.test(pathname)) {
      const [size, page] = [Number(searchParams.get('per_page') ?? 30), Number(searchParams.get('page') ?? 1)];
      return { status: 200, body: comments.slice((page - 1) * size, page * size) };
    }
    const { body = '' } = JSON.parse((await text(req)) || '{}') as { body?: string };
    if (req.method === 'POST' && LIST.test(pathname)) {
      comments.push({ id: comments.length + 1, body });
      return { status: 201, body: comments.at(-1) };
    }
    const found = comments.find(({ id }) => id === Number(ONE.exec(pathname)?.[1]));
    if (found === undefined || req.method !== (key === undefined ? 'PATCH' : 'PUT')) return { status: 404, body: {} };
    found.body = body;
    return { status: 200, body: found };
  };
  const server = createServer((req, res) => {
    void answer(req).then(({ status, body }) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    comments,
    calls,
    github: {
      ...{ GITHUB_ACTIONS: 'true', GITHUB_API_URL: url, GITHUB_REPOSITORY: 'acme/gateway', GITHUB_REF: 'refs/pull/17/merge' },
      GITHUB_TOKEN: FORGE_TOKEN,
    },
    gitlab: { GITLAB_CI: 'true', CI_API_V4_URL: url, CI_PROJECT_ID: '42', CI_MERGE_REQUEST_IID: '17', GITLAB_TOKEN: FORGE_TOKEN },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
