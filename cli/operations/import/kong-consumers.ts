/** Consumers of Kong. Their credentials stay where they are. */
import { keyOf } from '../../../schema/resource.js';
import { handlesOf, pluginsOf, type Entity, type Plugin } from './kong-entities.js';
import type { Importer } from './report.js';
import { mappingsOf, textOf, textsOf } from './source.js';

const CREDENTIALS = [
  'keyauth_credentials',
  'basicauth_credentials',
  'hmacauth_credentials',
  'jwt_secrets',
  'oauth2_credentials',
  'mtls_auth_credentials',
];

interface ConsumerNotes {
  readonly plugins: Plugin[];
  /** Names of consumers by their handles. */
  readonly consumers: Map<string, string>;
}

/** A consumer without its credentials, which are told of and never shown. */
export function addConsumer(importer: Importer, { item, value }: Entity, { plugins, consumers }: ConsumerNotes): void {
  const username = textOf(value['username']);
  const customId = textOf(value['custom_id']);
  const name = importer.freeName('Consumer', username, customId, 'consumer');
  const tags = textsOf(value['tags']);
  const spec = {
    ...(username === undefined || username === name ? {} : { display_name: username.slice(0, 200) }),
    ...(customId === undefined ? {} : { external_id: customId }),
    ...(tags.length === 0 ? {} : { consumer_metadata: { tags } }),
  };
  const made = importer.add('Consumer', name, spec, item, value);
  if (made === undefined) return;
  importer.say('mapped', item, value, 'A consumer.', keyOf(made));
  for (const handle of handlesOf(value)) consumers.set(handle, name);
  plugins.push(...pluginsOf(value, `${item}.plugins`, { consumer: handlesOf(value) }));
  for (const kind of CREDENTIALS) {
    for (const [index, credential] of mappingsOf(value[kind]).entries()) {
      importer.say(
        'skipped',
        `${item}.${kind}[${index}]`,
        credential,
        `Credentials are not carried over. Subscribe ${name} to an API and hand out a new key: stoactl rotate-key.`,
        keyOf(made),
      );
    }
  }
  if (value['acls'] !== undefined)
    importer.say(
      'skipped',
      `${item}.acls`,
      value['acls'],
      'Groups of ACLs have no counterpart: a subscription opens an API to a consumer.',
      keyOf(made),
    );
  if (value['groups'] !== undefined)
    importer.say('note', `${item}.groups`, value['groups'], 'The plugins of its groups are policies for it.', keyOf(made));
}
