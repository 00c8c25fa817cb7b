import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.js';

const parse = (text: string): string[] =>
  parseConfig(text, 'stoa.config.yaml').diagnostics.map(({ source, code, path, message, hint }) =>
    `${source?.line ?? 0}:${source?.column ?? 0} ${code} ${path} ${message} ${hint ?? ''}`.trim(),
  );

describe('stoa.config.yaml', () => {
  it('says project, manifests, environments and guards', () => {
    const text = [
      'project: shop',
      'manifests: ["apis/*.yaml"]',
      'default_environment: dev',
      'environments:',
      '  dev: {server: "http://127.0.0.1:8000"}',
      '  prod:',
      '    server: https://api.example.com',
      '    tenant: acme',
      '    overlay: overlays/prod',
      '    variables: {STAGE: prod, LIMIT: 100, BETA: false}',
      'guards: {max_deletes: 10%}',
    ].join('\n');

    const { config, diagnostics } = parseConfig(text, 'stoa.config.yaml');

    expect(diagnostics).toEqual([]);
    expect(config?.environments?.['prod']?.variables).toEqual({ STAGE: 'prod', LIMIT: 100, BETA: false });
    expect(config?.guards).toEqual({ max_deletes: '10%' });
  });

  it.each(['', '# nothing yet\n', '---\n'])('may be empty: %j', (text) => {
    expect(parseConfig(text, 'stoa.config.yaml')).toEqual({ config: {}, diagnostics: [] });
  });

  it('says every finding with its place', () => {
    const text =
      'projct: shop\nmanifests: all\nenvironments:\n  dev:\n    server: localhost\n    tenannt: acme\n  BAD NAME: {}\nguards:\n  max_deletes: some\n';

    const findings = parse(text);

    expect(findings.map((finding) => finding.split(' ').slice(0, 3).join(' ')).sort()).toEqual(
      [
        '1:1 unknown_field projct',
        '2:12 wrong_type manifests',
        '5:13 invalid_value environments.dev.server',
        '6:5 unknown_field environments.dev.tenannt',
        '7:3 invalid_value environments.BAD',
        '9:16 invalid_value guards.max_deletes',
      ].sort(),
    );
    expect(findings.find((finding) => finding.startsWith('6:5'))).toContain('Did you mean "tenant"?');
  });

  it('points at a default environment that is not there', () => {
    expect(parse('default_environment: prd\nenvironments:\n  prod: {server: https://api.example.com}\n')).toEqual([
      '1:22 missing_reference default_environment The default environment "prd" is not among the environments. Did you mean "prod"?',
    ]);
  });

  it.each([
    ['a: [', 'yaml_syntax'],
    ['project: a\nproject: b\n', 'duplicate_key'],
    ['project: a\n---\nproject: b\n', 'invalid_value'],
    ['- a\n', 'wrong_type'],
    ['__proto__: {a: 1}\n', 'unsafe_key'],
  ])('cannot be %j', (text, code) => {
    const { config, diagnostics } = parseConfig(text, 'stoa.config.yaml');

    expect(config).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ code, source: { file: 'stoa.config.yaml' } });
  });
});
