import { expect, it } from 'vitest';
import { parseTestFile } from './test-file.js';

const findings = (text: string): string[] =>
  parseTestFile(text, 'tests/limits.yaml').diagnostics.map(({ source, message, hint }) =>
    [`${source?.line}:${source?.column}`, message, hint].filter((part) => part !== undefined).join(' '),
  );

it('reads cases with their defaults', () => {
  const { tests } = parseTestFile(
    'cases:\n  - name: is served\n    steps:\n      - request: { path: /apis/acme/payments }\n      - rotate: { subscription: app, as: new }\n',
    'a.yaml',
  );

  expect(tests?.cases).toEqual([
    {
      name: 'is served',
      now: '2026-01-15T12:00:00Z',
      steps: [
        { request: { method: 'GET', path: '/apis/acme/payments', repeat: 1 } },
        { rotate: { subscription: 'app', as: 'new', grace: '24h' } },
      ],
    },
  ]);
});

it('reports everything that is wrong in one run, each with its place', () => {
  const text = `cases:
  - name: a limit
    now: yesterday
    step: []
    steps:
      - request: { path: apis, metod: GET, repeat: 0 }
        expect: { status: '429', headers: { retry-after: [30] } }
      - advance: 3x
      - {}
      - { approve: a, revoke: b }
      - rotate: { subscription: a, as: b, grace: 90m }
      - advance: 1m
        expect: { status: 200 }
`;

  expect(findings(text)).toMatchInlineSnapshot(`
    [
      "3:10 "yesterday" does not fit here. An instant is written as 2026-01-15T12:00:00Z.",
      "6:26 "apis" does not fit here. A path begins with "/" and has no spaces; a query may follow.",
      "6:52 "cases.0.steps.0.request.repeat" is 0; it must be at least 1.",
      "6:32 The field "metod" is not known in "cases.0.steps.0.request". Did you mean "method"?",
      "7:27 "cases.0.steps.0.expect.status" must be a whole number, not the text "429".",
      "7:45 "cases.0.steps.0.expect.headers.retry-after" cannot be a list.",
      "8:18 "3x" does not fit here. A time to move on by is written as 90s, 24h or 31d.",
      "9:9 The step does nothing; it must be one of request, advance, rotate, approve, suspend, resume, revoke, upstream.",
      "10:9 The step does approve and revoke: make a step of each.",
      "11:50 "90m" does not fit here. A grace window is whole hours, from 1h to 168h.",
      "13:9 "expect" belongs to a request, not to advance.",
      "4:5 The field "step" is not known in "cases.0". Did you mean "steps"?",
    ]
  `);
});

it('says of a file that is empty, or no mapping, what is missing', () => {
  expect([findings(''), findings('- a\n'), findings('cases: []\n')]).toMatchInlineSnapshot(`
    [
      [
        "1:1 "cases" is missing.",
      ],
      [
        "1:1 The spec must be a mapping, not a list.",
      ],
      [
        "1:1 "cases" has 0 entries; at least 1 is needed.",
      ],
    ]
  `);
});
