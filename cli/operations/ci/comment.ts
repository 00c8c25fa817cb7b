/** One comment on a pull or merge request that is written anew at each run: found again by the marker in its first line. */
import { readFileSync } from 'node:fs';
import { ERRORS, StoaError, type ErrorCode } from '../../../schema/error.js';
import type { Environment } from '../../settings.js';

export interface Commented {
  readonly schema_version: 1;
  readonly system: 'github' | 'gitlab';
  readonly action: 'created' | 'updated' | 'unchanged';
}

/** Where the comments of one request are, and how one of them is named and changed. */
interface Forge {
  readonly system: Commented['system'];
  /** Address of the list; a POST to it makes a comment. */
  readonly list: string;
  readonly one: (id: number) => string;
  readonly change: 'PATCH' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
}

interface Comment {
  readonly id: number;
  readonly body: string | null;
}

const PAGE = 100;
const TIMEOUT_MS = 30_000;
const MARKER = /^<!-- .+ -->$/;

/** Writes a text as the comment of the request that the pipeline runs for. Throws `usage_error` outside of one. */
export async function comment(text: string, env: Environment, signal: AbortSignal): Promise<Commented> {
  const forge = forgeOf(env);
  const [marker = ''] = text.split('\n');
  if (!MARKER.test(marker))
    throw new StoaError('usage_error', 'The comment begins with no marker by which it could be found again.', {
      hint: 'Its first line is an HTML comment, such as that of "stoactl diff -o markdown".',
    });
  const { system } = forge;
  const before = await find(forge, marker, signal);
  // What is kept may have lost the end of its last line.
  if (before?.body?.trimEnd() === text.trimEnd()) return { schema_version: 1, system, action: 'unchanged' };
  const body = JSON.stringify({ body: text });
  if (before === undefined) await call(forge, 'POST', forge.list, signal, body);
  else await call(forge, forge.change, forge.one(before.id), signal, body);
  return { schema_version: 1, system, action: before === undefined ? 'created' : 'updated' };
}

async function find(forge: Forge, marker: string, signal: AbortSignal): Promise<Comment | undefined> {
  for (let page = 1; ; page++) {
    const comments = (await call(forge, 'GET', `${forge.list}?per_page=${PAGE}&page=${page}`, signal)) as readonly Comment[];
    const found = comments.find(({ body }) => body?.split(/\r?\n/)[0] === marker);
    if (found !== undefined || comments.length < PAGE) return found;
  }
}

function forgeOf(env: Environment): Forge {
  if (env['GITHUB_ACTIONS'] === 'true') return github(env);
  if (env['GITLAB_CI'] === 'true') return gitlab(env);
  throw new StoaError('usage_error', 'This is no pipeline of GitHub or GitLab: neither GITHUB_ACTIONS nor GITLAB_CI is set.', {
    hint: 'It is a step of the pipelines that "stoactl ci init" writes.',
  });
}

function github(env: Environment): Forge {
  const { GITHUB_API_URL: api = 'https://api.github.com', GITHUB_REPOSITORY: repository = '' } = env;
  const issues = `${api}/repos/${repository}/issues`;
  return {
    system: 'github',
    list: `${issues}/${pullNumber(env)}/comments`,
    one: (id) => `${issues}/comments/${id}`,
    change: 'PATCH',
    headers: { authorization: `Bearer ${token(env, ['GITHUB_TOKEN', 'GH_TOKEN'])}`, accept: 'application/vnd.github+json' },
  };
}

/** What GitHub says of what has started the job; nothing where it cannot be read. */
function eventOf(file: string | undefined): { readonly pull_request?: { readonly number: number } } {
  try {
    return file === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof eventOf>);
  } catch {
    return {};
  }
}

/** From the ref; where that is a branch (`pull_request_target`), from the event. */
function pullNumber({ GITHUB_REF: ref = '', GITHUB_EVENT_PATH: file }: Environment): number {
  const [, number] = /^refs\/pull\/(\d+)\//.exec(ref) ?? [];
  if (number !== undefined) return Number(number);
  const { pull_request: request } = eventOf(file);
  if (request !== undefined) return request.number;
  throw new StoaError('usage_error', `The pipeline runs for ${ref === '' ? 'no ref' : ref}, not for a pull request.`, {
    hint: 'Run the job on pull_request.',
  });
}

function gitlab(env: Environment): Forge {
  const { CI_API_V4_URL: api = '', CI_PROJECT_ID: project = '', CI_MERGE_REQUEST_IID: number } = env;
  if (number === undefined)
    throw new StoaError('usage_error', 'The pipeline runs for no merge request: CI_MERGE_REQUEST_IID is not set.', {
      hint: 'Give the job the rule: if $CI_PIPELINE_SOURCE == "merge_request_event".',
    });
  const list = `${api}/projects/${encodeURIComponent(project)}/merge_requests/${number}/notes`;
  const headers = { 'private-token': token(env, ['GITLAB_TOKEN']) };
  return { system: 'gitlab', list, one: (id) => `${list}/${id}`, change: 'PUT', headers };
}

function token(env: Environment, names: readonly string[]): string {
  const found = names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  if (found !== undefined) return found;
  throw new StoaError('unauthorized', `${names[0] ?? ''} is not set: there is no token to comment with.`, {
    hint: 'GitHub: GITHUB_TOKEN: ${{ github.token }}. GitLab: a project access token with the scope "api", as GITLAB_TOKEN.',
  });
}

async function call(forge: Forge, method: string, url: string, interrupted: AbortSignal, body?: string): Promise<unknown> {
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: Response;
  try {
    response = await fetch(url, { method, headers: { 'user-agent': 'stoactl', ...forge.headers, ...type }, signal, body: body ?? null });
  } catch (error) {
    throw new StoaError('network_error', `${new URL(url).origin} cannot be reached.`, {
      hint: 'Run the job again; if it stays so, look at the network of the runner.',
      cause: error,
    });
  }
  if (response.ok) return response.json();
  throw new StoaError(codeOf(response.status), `${method} ${new URL(url).pathname} was answered ${response.status}.`, {
    hint: 'The token must be allowed to write comments: "pull-requests: write" on GitHub, the scope "api" on GitLab.',
  });
}

function codeOf(status: number): ErrorCode {
  const known: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'not_found'];
  return known.find((code) => ERRORS[code].status === status) ?? 'network_error';
}
