/** French errors (row CV22): one catalogue, which has every message that the sources can write. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../../../schema/error.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { french, languageOf } from './language.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');

describe('the language of an answer (CV22)', () => {
  it.each([
    [undefined, 'en'],
    ['fr', 'fr'],
    ['fr-CA', 'fr'],
    ['FR', 'fr'],
    ['en', 'en'],
    ['de', 'en'],
    ['de, fr;q=0.5', 'fr'],
    ['en;q=0.4, fr;q=0.8', 'fr'],
    ['fr;q=0.4, en;q=0.8', 'en'],
    ['fr;q=0', 'en'],
    ['*', 'en'],
    ['fr;q=two', 'en'],
    [`${'x,'.repeat(10_000)}fr`, 'en'],
  ])('for Accept-Language: %s is %s', (header, language) => {
    expect(languageOf({ headers: header === undefined ? {} : { 'accept-language': header } })).toBe(language);
  });
});

/** Files whose messages are for whoever starts the product, or for the CLI, or for developers. */
const NOT_FOR_CLIENTS =
  /\/(database|browser|(console|portal)\/app|settings|main|start|vault|private-file|log|issuer|key-set|endpoint|openapi|french|french-sets|maintenance|answers|kind-endpoints|webhooks\/worker|subscriptions\/resting)(\/|\.ts)|schema\/(config|one-document|operations|test-file|duration|yaml|manifest|pipelines|variables|overlay|generated|json-schema|reference-page|lint|plan|check-text|api-key|shown|address)/;
/** Texts that begin like a sentence and are none that a client reads. */
const NO_MESSAGE =
  /^(Bearer realm|Basic realm|Another issuer|A write has a resource|Consumer \{\}|The policy governs every|The upstream \{\} is the container|(API|Consumer|Tenant) \{\} was deleted|The subscription was deleted)/;

function sources(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);
  return [...below('gateway/control-plane'), ...below('gateway/policies'), ...below('schema')].filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !NOT_FOR_CLIENTS.test(file),
  );
}

const textOf = (node: ts.Node): string | undefined => {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  return ts.isTemplateExpression(node) ? node.head.text + node.templateSpans.map(({ literal }) => `{}${literal.text}`).join('') : undefined;
};

/** Whether a text documents a field or an operation rather than tell somebody of a mistake. */
function isDocumentation(node: ts.Node, source: ts.SourceFile): boolean {
  for (let parent = node.parent as ts.Node | undefined; parent !== undefined; parent = parent.parent) {
    if (ts.isCallExpression(parent) && /(\.(describe|meta)|^instant|^pageOf|^word)$/.test(parent.expression.getText(source))) {
      if (parent.arguments.some((argument) => argument.pos <= node.pos && node.end <= argument.end)) return true;
    }
    if (ts.isPropertyAssignment(parent) && /^(summary|behaviour|description|example|examples|help)$/.test(parent.name.getText(source)))
      return true;
  }
  return false;
}

function messagesOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(path.join(ROOT, file), 'utf8'), ts.ScriptTarget.ES2023, true);
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    const isSentence = text !== undefined && /^[A-Z"{].* /.test(text) && /[.?]$/.test(text) && !NO_MESSAGE.test(text);
    if (isSentence && !isDocumentation(node, source)) found.add(text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found];
}

describe('the French catalogue (CV22)', () => {
  it('has the title and the hint of every error code', () => {
    const entries: readonly { readonly title: string; readonly hint?: string }[] = Object.values(ERRORS);
    const texts = entries.flatMap(({ title, hint }) => [title, ...(hint === undefined ? [] : [hint])]);

    expect(texts.filter((text) => french(text) === text)).toEqual([]);
  });

  it('has every sentence that the sources of the control plane and of the checks can write', () => {
    const messages = sources().flatMap((file) => messagesOf(file).map((text) => ({ file, text })));

    const lacking = messages.filter(({ text }) => french(text.replaceAll('{}', 'x-1')) === text.replaceAll('{}', 'x-1'));

    expect(messages.length).toBeGreaterThan(120);
    expect(lacking).toEqual([]);
  });

  it('keeps names as they are, also where they are English sentences', () => {
    expect(french('Tenant "Server error" does not exist.')).toBe('Le tenant « Server error » n’existe pas.');
  });

  it('translates what is filled in', () => {
    expect(french('"burst" must be a whole number, not the text "3".')).toBe('"burst" doit être un nombre entier, et non le texte "3".');
  });
});

describe('an answer to a French client (CV22)', () => {
  let control: TestControlPlane;
  beforeAll(async () => {
    control = await openControlPlane();
    await control.send('POST /v1/tenants', { name: 'acme' });
  });
  afterAll(() => control.close());

  it.each([
    ['POST /v1/tenants', { name: 'x', tier: 'gold', admin_email: 7, region: '', settings: { rate_limit_multiplier: 0 }, spare: 1 }],
    ['POST /v1/tenants', '{"name": '],
    ['POST /v1/tenants', { name: 'acme' }],
    ['POST /v1/tenants', { name: 'No Label' }],
    ['GET /v1/tenants?page=0&limit=1000&other=1', undefined],
    ['GET /v1/tenants/nobody', undefined],
    ['GET /v1/nothing', undefined],
    ['PUT /v1/tenants', undefined],
    ['POST /v1/tenants/acme/apis', { name: 'a', path: 'x', upstream_url: 'ftp://x', retries: 'two', methods: ['FETCH'] }],
    ['POST /v1/tenants/acme/subscriptions', { api_id: 'none' }],
    ['POST /v1/tenants/acme/subscriptions/none/approve', { rate_limit: -1, quota: '5' }],
    ['POST /v1/subscriptions/none/rotate-key', { grace_period_hours: 0 }],
    ['POST /v1/admin/policies', { name: 'p', tenant_id: 'acme', policy_type: 'rate_limits', config: {} }],
    ['POST /v1/apply', { project: 'p q', resources: [] }],
  ])('to %s has no English in it', async (line, body) => {
    const answer = await control.send(line, body, { headers: { 'accept-language': 'fr' } });

    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.headers['content-language']).toBe('fr');
    const { message, hint = '', details = [] } = answer.body.error as { message: string; hint?: string; details?: { message: string }[] };
    const texts = [message, hint, ...details.map((detail) => detail.message)].join('\n');
    expect(texts).not.toMatch(/\b(the|is|must|not|does|expected|received|missing|of|and|to be|with|one)\b/i);
  });

  it('has the words of document E for an invalid tier', async () => {
    const answer = await control.send(
      'POST /v1/tenants',
      { name: 'b', tier: 'or' },
      { headers: { 'accept-language': 'fr-FR,fr;q=0.9,en;q=0.8' } },
    );

    expect(answer.body.error).toMatchObject({
      code: 'validation_error',
      message: 'Paramètres de requête invalides',
      details: [{ field: 'tier', message: 'Valeur de tier invalide' }],
    });
  });
});
