/** Keys in a replay: one that has ended since is no news to who was let in with it then. */
import type { RecordedRequest } from '../../../schema/impact.js';
import { stateProblem } from '../authenticate.js';
import { KEY_FAILURES, type Credential, type KeyStore } from '../snapshot.js';

/** Whether a reason of a refusal is about the key. */
export const isKeyFailure = (reason: string | undefined): boolean => KEY_FAILURES.some((failure) => failure === reason);

/**
 * The keys of a world as a recorded request finds them. A key that was accepted then is good, whatever ended it or its subscription since; what the
 * change ends has ended: there `today` knows another state.
 */
export function keysAsThen(keys: KeyStore, today: KeyStore): (request: RecordedRequest) => KeyStore {
  const revived = new WeakMap<Credential, Credential>();
  const find = (request: RecordedRequest, key: string): Credential | undefined => {
    const credential = keys.find(key);
    if (credential === undefined || !wasAccepted(request, credential) || stateProblem(credential, request.at) === undefined)
      return credential;
    const before = keys === today ? credential : today.find(key);
    const known = revived.get(credential) ?? asThen(credential, before);
    revived.set(credential, known);
    return known;
  };
  return (request) => ({ find: (key) => find(request, key), stats: () => keys.stats(), clear: () => keys.clear() });
}

/** The line names a consumer where its key was accepted. A route that anybody may call also has those whose key was not. */
const wasAccepted = ({ reason, consumer }: RecordedRequest, { consumerName }: Credential): boolean =>
  !isKeyFailure(reason) && consumer === consumerName;

function asThen(credential: Credential, before: Credential | undefined): Credential {
  if (before === undefined) return credential;
  const isKey = (['keyStatus', 'notBefore', 'notAfter'] as const).every((field) => credential[field] === before[field]);
  const isSubscription = (['subscriptionActive', 'subscriptionEnds', 'api'] as const).every((field) => credential[field] === before[field]);
  return {
    ...credential,
    ...(isKey ? { keyStatus: 'active', notBefore: 0, notAfter: null } : {}),
    ...(isSubscription ? { subscriptionActive: true, subscriptionEnds: Infinity } : {}),
  };
}
