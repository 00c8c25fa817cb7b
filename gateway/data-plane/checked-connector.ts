/** How undici connects where an address comes from a tenant: only to addresses that are allowed, whatever a name leads to by then. */
import { lookup } from 'node:dns';
import { buildConnector } from 'undici';
import { addressProblem, checkedLookup } from '../../schema/address.js';

/** A connector that gives up after so many milliseconds. Its errors are undici's, and AddressError. */
export function checkedConnector(timeout: number, allowPrivate: boolean): buildConnector.connector {
  const connect = buildConnector({ timeout, lookup: checkedLookup(lookup, allowPrivate) });
  return (options, callback) => {
    const problem = addressProblem(options.hostname, allowPrivate);
    if (problem === undefined) connect(options, callback);
    else callback(problem, null);
  };
}
