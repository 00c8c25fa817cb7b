/** How undici connects where an address comes from a tenant: only to addresses that are allowed, whatever a name leads to by then. */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { AddressError, checkedLookup, isAllowedAddress } from '../../schema/address.js';

/** A connector that gives up after so many milliseconds. Its errors are undici's, and AddressError. */
export function checkedConnector(timeout: number, allowPrivate: boolean): buildConnector.connector {
  const connect = buildConnector({ timeout, lookup: checkedLookup(lookup, allowPrivate) });
  return (options, callback) => {
    const { hostname } = options;
    if (isIP(hostname) !== 0 && !isAllowedAddress(hostname, allowPrivate))
      callback(new AddressError(`${hostname} is not an address that is allowed.`), null);
    else connect(options, callback);
  };
}
