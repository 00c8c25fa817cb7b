import { describe, expect, it } from 'vitest';
import { nextStepsText, type NextSteps } from './next-steps.js';

const STEPS: NextSteps = {
  controlUrl: 'http://127.0.0.1:8000',
  gatewayUrl: 'http://127.0.0.1:3001',
  clientId: 'control-plane-api',
  clientSecret: 'a-secret',
  isSecretNew: false,
  echoUrl: undefined,
  call: { url: 'http://127.0.0.1:3001/apis/acme/payments/hello', apiKey: 'stoa_sk_0000' },
  hasAdminToken: true,
  consoleUrl: 'http://127.0.0.1:8000/console',
  portalUrl: 'http://127.0.0.1:8000/portal',
};

describe('what dev says at the end of its start', () => {
  it('is lines to paste', () => {
    expect(nextStepsText(STEPS)).toMatchInlineSnapshot(`
      "
      In another terminal:

      export STOA_API_URL=http://127.0.0.1:8000
      export STOA_AUTH_URL=http://127.0.0.1:8000
      export STOA_GATEWAY_URL=http://127.0.0.1:3001
      export STOA_CLIENT_ID=control-plane-api
      export STOA_CLIENT_SECRET=a-secret

      curl http://127.0.0.1:3001/apis/acme/payments/hello -H "X-API-Key: stoa_sk_0000"
      npx stoactl get apis

      In a browser: http://127.0.0.1:8000/console, and for your clients http://127.0.0.1:8000/portal

      "
    `);
  });

  it('quotes a secret that the shell would take apart', () => {
    expect(nextStepsText({ ...STEPS, clientSecret: "it's $HOME; rm" })).toContain(`export STOA_CLIENT_SECRET='it'\\''s $HOME; rm'\n`);
  });

  it('says how to choose a secret when there is none to show', () => {
    expect(nextStepsText({ ...STEPS, clientSecret: undefined })).toContain(
      '(STOA_CLIENT_SECRET was shown by the first start; to choose one: STOA_CLIENT_SECRET=',
    );
  });

  it('says when a secret is shown only now', () => {
    expect(nextStepsText({ ...STEPS, isSecretNew: true })).toContain('(keep the client secret, it is shown only now)\n');
  });

  it('calls an API without a key as it is', () => {
    expect(nextStepsText({ ...STEPS, call: { url: 'http://127.0.0.1:3001/apis/a/b/hello', apiKey: undefined } })).toContain(
      '\ncurl http://127.0.0.1:3001/apis/a/b/hello\n',
    );
  });

  it('tells where the echo upstream is when it is not where the manifests expect it', () => {
    expect(nextStepsText({ ...STEPS, echoUrl: 'http://127.0.0.1:40000' })).toContain('export STOA_ECHO_URL=http://127.0.0.1:40000\n');
  });

  it('says that /admin is off without a token', () => {
    expect(nextStepsText({ ...STEPS, hasAdminToken: false })).toContain('/admin routes are off');
  });
});
