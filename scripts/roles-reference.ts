/** docs/reference/roles.md: who may do what, from the table of rights that the control plane checks by. */
import { endpoints } from '../gateway/control-plane/endpoints.js';
import { ROLES, rolesWith, type Right } from '../gateway/control-plane/auth/roles.js';

const RIGHT_TEXTS: Readonly<Record<Right, string>> = {
  read: 'See everything of a tenant.',
  write: 'Declare resources in it, also subscriptions that wait for nobody.',
  operate: 'Create, rotate and revoke keys of active subscriptions; suspend and resume subscriptions.',
  grant: 'Approve, reject and revoke subscriptions.',
  tenants: 'Create, change, suspend and delete tenants, and so set their limits.',
  sync: 'Follow the change stream, and report what happened to live traffic.',
};

const rights = Object.keys(RIGHT_TEXTS) as Right[];
const mark = (right: Right): string => ROLES.map((role) => (rolesWith(right).includes(role) ? 'yes' : '-')).join(' | ');

/** The page. */
export function rolesPage(): string {
  return [
    '<!-- Written by "npm run generate" from gateway/control-plane/auth/roles.ts and the operations of the API. -->',
    '',
    '# Roles',
    '',
    'A token carries one or more roles, and a tenant when it is limited to one. What belongs to another tenant is answered 404, as if it were not there; a right that',
    'is missing is answered 403 with the roles that have it. `gateway` is the role of the gateways’ own token and of no other.',
    '',
    'While a tenant is suspended, tokens of that tenant may only read.',
    '',
    `| Right | What it allows | ${ROLES.join(' | ')} |`,
    `| --- | --- | ${ROLES.map(() => '---').join(' | ')} |`,
    ...rights.map((right) => `| \`${right}\` | ${RIGHT_TEXTS[right]} | ${mark(right)} |`),
    '',
    '## Operations',
    '',
    'The first address of each; `/v1` stands before it.',
    '',
    `| Operation | Address | Right | ${ROLES.join(' | ')} |`,
    `| --- | --- | --- | ${ROLES.map(() => '---').join(' | ')} |`,
    ...endpoints.map(
      ({ id, methods, urls, right }) => `| ${id} | \`${methods.join(', ')} ${urls[0] ?? ''}\` | \`${right}\` | ${mark(right)} |`,
    ),
    '| followChanges | `GET /gateways/stream` | `sync` | ' + mark('sync') + ' |',
    '',
    '`applySet` needs `tenants` as well when the set creates, changes or deletes a tenant. The operations of gateways need a token that is not limited to a tenant.',
    '',
  ].join('\n');
}
