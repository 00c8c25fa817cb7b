/** Manifests in VS Code: the schemas of docs/reference with the YAML language server, as a person would write them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { catalog } from '../gateway/catalog.js';
import { generatedFiles, MANIFEST_SCHEMA_PATH } from '../schema/generated.js';
import { API_VERSION } from '../schema/manifest.js';
import { openEditor, type Editor } from './helpers/language-server.js';

const EXAMPLES = path.resolve(import.meta.dirname, '../examples');

let root: string;
let editor: Editor;
let count = 0;

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'stoa-editor-'));
  for (const [file, text] of Object.entries(generatedFiles(catalog))) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  editor = await openEditor(root);
});

afterAll(async () => {
  await editor.close();
  rmSync(root, { recursive: true, force: true });
});

/** A manifest two directories down, with the line that names the schema by a relative path. */
function newFile(body: string): { file: string; text: string } {
  count += 1;
  return {
    file: path.join(root, `apps/acme/file-${count}.yaml`),
    text: `# yaml-language-server: $schema=../../${MANIFEST_SCHEMA_PATH}\n${body}`,
  };
}

const API = `apiVersion: ${API_VERSION}
kind: API
metadata:
  name: payments
  tenant: acme
spec:
  path: /payments
  upstream_url: https://payments.example.com
  timeout_ms: \${env:TIMEOUT:-3000}
  methods: [GET, POST]
  circuit_breaker:
    open_secs: 5
`;

describe('an editor with the schema of manifests', () => {
  it.each(catalog.kinds.map((definition) => [definition.kind, definition] as const))(
    'accepts the example of %s',
    async (_kind, { kind, scope, example }) => {
      const metadata = { name: 'example', ...(scope === 'tenant' ? { tenant: 'acme' } : {}) };
      const { file, text } = newFile(stringify({ apiVersion: API_VERSION, kind, metadata, spec: example }));

      expect(await editor.diagnose(file, text)).toEqual([]);
    },
  );

  it('accepts several documents, variables in place of numbers, and free-form parts', async () => {
    const consumer = `---\napiVersion: ${API_VERSION}\nkind: Consumer\nmetadata: {name: a, tenant: acme}\nspec:\n  consumer_metadata:\n    any: [1, {deep: true}]\n`;
    const { file, text } = newFile(`${API}${consumer}`);

    expect(await editor.diagnose(file, text)).toEqual([]);
  });

  it.each([
    ['a field of the spec', API.replace('timeout_ms', 'timeout_mss'), 9, 'timeout_mss'],
    ['a nested field', API.replace('open_secs', 'open_sec'), 12, 'open_sec'],
    ['a field of the metadata', API.replace('  tenant:', '  tenand:'), 5, 'tenand'],
    ['a kind', API.replace('kind: API', 'kind: AP'), 2, 'AP'],
    ['a method', API.replace('GET', 'GTE'), 10, 'Value is not accepted'],
  ])('underlines the misspelling of %s once, at its line', async (_what, body, line, word) => {
    const { file, text } = newFile(body);

    const diagnostics = await editor.diagnose(file, text);

    expect(diagnostics.map(({ range }) => range.start.line)).toEqual([line]);
    expect(diagnostics[0]?.message).toContain(word === 'AP' ? 'Value is not accepted' : word);
  });

  it('underlines a misspelt setting of a policy once, by the type of the policy', async () => {
    const { file, text } = newFile(
      `apiVersion: ${API_VERSION}\nkind: Policy\nmetadata: {name: web, tenant: acme}\nspec:\n  policy_type: cors\n  config:\n    origns: ["*"]\n    origins: ["*"]\n`,
    );

    const diagnostics = await editor.diagnose(file, text);

    expect(diagnostics.map(({ range, message }) => [range.start.line, message])).toEqual([[7, 'Property origns is not allowed.']]);
  });

  it('says what is missing', async () => {
    const { file, text } = newFile(API.replace('  upstream_url: https://payments.example.com\n', ''));

    const diagnostics = await editor.diagnose(file, text);

    expect(diagnostics.map(({ message }) => message)).toEqual(['Missing property "upstream_url".']);
  });

  it('shows the description of a field under the pointer', async () => {
    const { file, text } = newFile(API);
    await editor.diagnose(file, text);

    const shown = await editor.hover(file, 8, 4);

    expect(shown).toContain('Where requests are forwarded');
  });

  it('offers the fields of the kind with their descriptions', async () => {
    const { file, text } = newFile(`${API}  \n`);
    await editor.diagnose(file, text);

    const offered = await editor.complete(file, 13, 2);

    expect([...offered.keys()]).toEqual(expect.arrayContaining(['auth_required', 'rate_limit', 'retries']));
    expect(offered.get('auth_required')).toContain('API key');
    expect([...offered.keys()]).not.toContain('requires_approval');
  });
});

describe('an editor with the schema of test files', () => {
  const open = (body: string): { file: string; text: string } => {
    count += 1;
    const text = `# yaml-language-server: $schema=../docs/reference/schemas/tests.schema.json\n${body}`;
    return { file: path.join(root, `tests/file-${count}.yaml`), text };
  };
  const examples = (readdirSync(EXAMPLES, { recursive: true }) as string[]).filter((file) => /\/tests\/[^/]+\.yaml$/.test(file));

  it.each(examples)('accepts %s', async (example) => {
    const { file, text } = open(readFileSync(path.join(EXAMPLES, example), 'utf8'));

    expect(await editor.diagnose(file, text)).toEqual([]);
  });

  it('underlines a misspelt step and a misspelt expectation', async () => {
    const { file, text } = open(
      'cases:\n  - name: a\n    steps:\n      - reqest: { path: /x }\n      - request: { path: /x }\n        expect: { statuss: 200 }\n',
    );

    const diagnostics = await editor.diagnose(file, text);

    expect(diagnostics.map(({ range, message }) => [range.start.line, message])).toEqual([
      [4, 'Property reqest is not allowed.'],
      [6, 'Property statuss is not allowed.'],
    ]);
  });
});
