/** What `dev` says when everything runs: how to reach it from another terminal, as lines that can be pasted. */

export interface NextSteps {
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  readonly clientId: string;
  /** Only when it may be shown: made by this start, or chosen in the environment. */
  readonly clientSecret: string | undefined;
  readonly isSecretNew: boolean;
  /** Only when it is not where the manifests expect it. */
  readonly echoUrl: string | undefined;
  readonly call: SampleCall | undefined;
  readonly hasAdminToken: boolean;
  readonly consoleUrl: string;
  /** Of a control plane that runs elsewhere it is not known whether it has a portal. */
  readonly portalUrl: string | undefined;
}

/** A request that the gateway answers, with a key where the API needs one. */
export interface SampleCall {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/** Whole lines, each with its line end. What can be pasted has no comments: not every shell takes them at its prompt. */
export function nextStepsText(steps: NextSteps): string {
  const exports = [
    `export STOA_API_URL=${steps.controlUrl}`,
    `export STOA_AUTH_URL=${steps.controlUrl}`,
    `export STOA_GATEWAY_URL=${steps.gatewayUrl}`,
    `export STOA_CLIENT_ID=${steps.clientId}`,
    ...(steps.clientSecret === undefined ? [] : [`export STOA_CLIENT_SECRET=${quote(steps.clientSecret)}`]),
    ...(steps.echoUrl === undefined ? [] : [`export STOA_ECHO_URL=${steps.echoUrl}`]),
  ];
  const admin = steps.hasAdminToken
    ? []
    : ['', "The gateway's /admin routes are off: start with --admin-token TOKEN or STOA_ADMIN_TOKEN to use them."];
  const lines = [
    '',
    `In another terminal:${secretNote(steps)}`,
    '',
    ...exports,
    '',
    ...callLines(steps.call),
    'npx stoactl get apis',
    '',
    `In a browser: ${steps.consoleUrl}${steps.portalUrl === undefined ? '' : `, and for your clients ${steps.portalUrl}`}`,
    ...admin,
    '',
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function secretNote({ clientSecret, isSecretNew }: NextSteps): string {
  if (isSecretNew) return ' (keep the client secret, it is shown only now)';
  if (clientSecret !== undefined) return '';
  return ' (STOA_CLIENT_SECRET was shown by the first start; to choose one: STOA_CLIENT_SECRET=... npx stoactl dev)';
}

function callLines(call: SampleCall | undefined): string[] {
  if (call === undefined) return [];
  if (call.apiKey === undefined) return [`curl ${call.url}`];
  return [`curl ${call.url} -H "X-API-Key: ${call.apiKey}"`];
}

/** A word of the shell, quoted where it has to be. */
const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
