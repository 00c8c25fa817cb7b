/** Calls to a control plane of any version, as its admin. */

type Answer = Readonly<Record<string, unknown>>;

/** `call('POST /v1/tenants', body)`. Throws the answer when it is no success. */
export function caller(url: string, clientSecret: string): (line: string, body?: unknown) => Promise<Answer> {
  return async (line, body) => {
    const [method = '', path = ''] = line.split(' ');
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: clientSecret });
    const token = await fetch(`${url}/realms/stoa/protocol/openid-connect/token`, { method: 'POST', body: form });
    const { access_token } = (await token.json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${line}: ${answer.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Answer;
  };
}
