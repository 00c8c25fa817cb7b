import { expect, it } from 'vitest';
import type { Settings } from '../../settings.js';
import { ancestorsOf, placesOf } from './places.js';

const settings = (manifests: string[], overlay?: string): Settings => ({
  server: '',
  origins: {},
  gatewayServer: 'http://127.0.0.1:3001',
  authServer: '',
  realm: '',
  clientId: '',
  clientSecret: undefined,
  token: undefined,
  keptBy: undefined,
  pipeline: undefined,
  project: 'shop',
  tenant: undefined,
  environmentName: undefined,
  environment: overlay === undefined ? undefined : { server: 'http://127.0.0.1:8000', overlay },
  configFile: { file: 'stoa.config.yaml', directory: '/repo', config: { project: 'shop', manifests } },
  timeoutMs: undefined,
});

it.each([
  {
    name: 'watches the tree before the first wildcard',
    manifests: ['manifests/**/*.yaml'],
    trees: ['/repo/manifests'],
    directories: ['/repo'],
  },
  {
    name: 'does not watch the whole repository for the files beside the configuration',
    manifests: ['*.yaml'],
    trees: [],
    directories: ['/repo'],
  },
  { name: 'watches a directory that is named plainly', manifests: ['manifests'], trees: ['/repo/manifests'], directories: ['/repo'] },
  { name: 'watches the whole repository when the glob says so', manifests: ['**/*.yaml'], trees: ['/repo'], directories: ['/repo'] },
])('$name', ({ manifests, trees, directories }) => {
  expect(placesOf(settings(manifests))).toEqual({ trees, directories });
});

it('watches the overlay of the environment', () => {
  expect(placesOf(settings(['m/*.yaml'], 'overlays/staging')).trees).toEqual(['/repo/m', '/repo/overlays/staging']);
});

it('watches nothing without a configuration', () => {
  expect(placesOf({ ...settings([]), configFile: undefined })).toEqual({ trees: [], directories: [] });
});

it('looks for the configuration in a directory and those above it', () => {
  expect(ancestorsOf('/repo/team/api')).toEqual(['/repo/team/api', '/repo/team', '/repo', '/']);
});
