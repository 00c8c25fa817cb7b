/** The language server behind VS Code's YAML extension, as a process that is spoken to over stdio (Language Server Protocol 3.17). */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

export interface EditorDiagnostic {
  readonly message: string;
  readonly range: { readonly start: { readonly line: number; readonly character: number } };
}

export interface Editor {
  /** What the editor underlines in a file with this text. The file need not exist; relative schema paths start at its directory. */
  diagnose(file: string, text: string): Promise<readonly EditorDiagnostic[]>;
  /** What is shown when the pointer rests on a place. Lines and characters count from 0. */
  hover(file: string, line: number, character: number): Promise<string>;
  /** What is offered at a place, by label. */
  complete(file: string, line: number, character: number): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
}

const uriOf = (file: string): string => `file://${file}`;

/** Starts the server and says hello. */
export async function openEditor(root: string): Promise<Editor> {
  const binary = path.join(
    path.dirname(createRequire(import.meta.url).resolve('yaml-language-server/package.json')),
    'bin/yaml-language-server',
  );
  const child = spawn(process.execPath, [binary, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const answers = new Map<number, (result: unknown) => void>();
  const published = new Map<string, (diagnostics: readonly EditorDiagnostic[]) => void>();
  let lastId = 0;

  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const request = (method: string, params: unknown): Promise<unknown> => {
    lastId += 1;
    const id = lastId;
    send({ id, method, params });
    return new Promise((resolve) => answers.set(id, resolve));
  };
  const receive = ({ id, method, params, result }: Message): void => {
    if (method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = params as { uri: string; diagnostics: readonly EditorDiagnostic[] };
      published.get(uri)?.(diagnostics);
    } else if (method !== undefined && id !== undefined) {
      // It asks for its settings and for leave to register: default settings, and yes.
      send({ id, result: method === 'workspace/configuration' ? [SETTINGS, {}, {}, {}, {}] : null });
    } else if (id !== undefined) answers.get(id)?.(result);
  };
  readMessages(child.stdout, receive);

  await request('initialize', {
    processId: process.pid,
    rootUri: uriOf(root),
    capabilities: { textDocument: { hover: { contentFormat: ['markdown'] } } },
  });
  send({ method: 'initialized', params: {} });
  send({ method: 'workspace/didChangeConfiguration', params: { settings: { yaml: SETTINGS } } });
  const at = (file: string, line: number, character: number): object => ({
    textDocument: { uri: uriOf(file) },
    position: { line, character },
  });

  return {
    async diagnose(file, text) {
      const diagnostics = new Promise<readonly EditorDiagnostic[]>((resolve) => published.set(uriOf(file), resolve));
      send({ method: 'textDocument/didOpen', params: { textDocument: { uri: uriOf(file), languageId: 'yaml', version: 1, text } } });
      return diagnostics;
    },
    async hover(file, line, character) {
      const result = (await request('textDocument/hover', at(file, line, character))) as { contents: { value: string } } | null;
      return result?.contents.value ?? '';
    },
    async complete(file, line, character) {
      const result = (await request('textDocument/completion', at(file, line, character))) as Completion;
      return new Map(
        result.items.map(({ label, documentation }) => [
          label,
          typeof documentation === 'string' ? documentation : (documentation?.value ?? ''),
        ]),
      );
    },
    async close() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

interface Completion {
  readonly items: readonly { readonly label: string; readonly documentation?: string | { readonly value: string } }[];
}

/** No schema is fetched from anywhere: only what the files themselves name. */
const SETTINGS = {
  validate: true,
  hover: true,
  completion: true,
  schemaStore: { enable: false, url: '' },
  kubernetesCRDStore: { enable: false },
  schemas: {},
};

function readMessages(stream: NodeJS.ReadableStream, receive: (message: Message) => void): void {
  let buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const headEnd = buffer.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, Math.max(headEnd, 0)).toString())?.[1]);
      if (headEnd === -1 || buffer.length < headEnd + 4 + length) return;
      const body = buffer.subarray(headEnd + 4, headEnd + 4 + length).toString();
      buffer = buffer.subarray(headEnd + 4 + length);
      receive(JSON.parse(body) as Message);
    }
  });
}
