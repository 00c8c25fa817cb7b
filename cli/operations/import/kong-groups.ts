/** Consumer groups of Kong: their plugins govern each consumer that is in them. */
import { entitiesOf, handlesOf, pluginsOf, referenceOf, type Plugin } from './kong-entities.js';
import type { Importer } from './report.js';
import { isMapping, mappingsOf, type Foreign } from './source.js';

/** Handles of the consumers in each group, by each handle of the group. */
export type Groups = ReadonlyMap<string, readonly string[]>;

/** A group is named, or a mapping with a name or an id, or has it in a mapping of its own. */
const groupsIn = (value: unknown): string[] =>
  (Array.isArray(value) ? value : []).flatMap((each) =>
    isMapping(each) && isMapping(each['consumer_group']) ? referenceOf(each['consumer_group']) : referenceOf(each),
  );

/** Who is in which group, wherever the document says so. */
export function groupsOf(root: Foreign): Groups {
  const consumers = mappingsOf(root['consumers']);
  const groups = new Map<string, string[]>();
  for (const group of mappingsOf(root['consumer_groups'])) {
    const handles = handlesOf(group);
    const members = [
      ...consumers.filter((consumer) => groupsIn(consumer['groups']).some((handle) => handles.includes(handle))).flatMap(handlesOf),
      ...mappingsOf(group['consumers']).flatMap(handlesOf),
    ];
    for (const handle of handles) groups.set(handle, members);
  }
  return groups;
}

/** The plugins of all groups; says what becomes of each group. */
export function addGroups(importer: Importer, root: Foreign, groups: Groups): Plugin[] {
  return entitiesOf(root, 'consumer_groups').flatMap(({ item, value }) => {
    const handles = handlesOf(value);
    const plugins = pluginsOf(value, `${item}.plugins`, { group: handles });
    const members = handles.flatMap((handle) => groups.get(handle) ?? []);
    if (plugins.length === 0) importer.say('skipped', item, value, 'It has no plugins: nothing hangs on who is in it.');
    else if (members.length === 0) importer.say('skipped', item, value, 'No consumer of the document is in it.');
    else importer.say('mapped', item, value, 'What its plugins become governs each of its consumers.');
    return plugins;
  });
}
