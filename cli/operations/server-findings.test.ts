import { expect, it } from 'vitest';
import { StoaError } from '../../schema/error.js';
import { parseManifests } from '../../schema/manifest.js';
import type { ManifestSet } from './load.js';
import { withPlaces } from './server-findings.js';

const text = `apiVersion: gostoa.dev/v1beta1
kind: Subscription
metadata:
  name: mobile
  tenant: acme
spec:
  api: orders
`;
const { manifests } = parseManifests(text, 'shop.yaml');
const set: ManifestSet = {
  files: 1,
  texts: [],
  manifests,
  resources: [],
  secrets: {},
  diagnostics: [],
  secretDiagnostics: [],
  sourceLine: () => undefined,
};
const answered = (path: string): StoaError =>
  new StoaError('validation_error', 'Invalid request parameters', {
    hint: 'Create it anew.',
    diagnostics: [{ severity: 'error', code: 'validation_error', message: '"api" cannot change.', path }],
  });

it.each([
  ['Subscription acme/mobile api', { line: 7, column: 8 }],
  ['Subscription acme/mobile tenant', { line: 5, column: 11 }],
])('gives what only the control plane can find its place: %s', (path, place) => {
  const error = withPlaces(answered(path), set);

  expect(error).toMatchObject({
    message: 'The manifests have 1 error; nothing was changed.',
    diagnostics: [{ hint: 'Create it anew.', resource: 'Subscription acme/mobile', source: { file: 'shop.yaml', ...place } }],
  });
});

it('finds each of two resources that say the same, with the hint of its own finding (cli.md 6)', () => {
  const message = 'There is no API "orders" in the tenant "acme".';
  const found = (resource: string, line: number) => {
    const source = { file: 'shop.yaml', line, column: 8 };
    return { severity: 'error' as const, code: 'missing_reference', message, hint: `Line ${line}.`, path: 'spec.api', resource, source };
  };
  const own = [found('Subscription acme/mobile', 7), found('Policy acme/limit', 24)];
  const answer = ['Subscription acme/mobile api', 'Policy acme/limit api'].map((path) => ({
    severity: 'error' as const,
    code: 'validation_error',
    message,
    path,
  }));

  const error = withPlaces(new StoaError('validation_error', undefined, { diagnostics: answer }), { ...set, diagnostics: own });

  expect(error).toMatchObject({ diagnostics: own });
});

it('leaves a finding about what no file holds as it is, and other errors too', () => {
  expect(withPlaces(answered('project'), set)).toMatchObject({ diagnostics: [{ path: 'project' }] });
  expect(withPlaces(new StoaError('conflict', 'It has moved.'), set)).toMatchObject({ message: 'It has moved.' });
});
