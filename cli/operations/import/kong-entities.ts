/** What all entities of Kong's declarative configuration have in common: names, references, plugins. */
import { isMapping, mappingsOf, textOf, type Foreign } from './source.js';

/** An entity with its place in the document. */
export interface Entity {
  readonly item: string;
  readonly value: Foreign;
}

export interface Plugin {
  readonly item: string;
  readonly value: Foreign;
  readonly name: string;
  /** Handles of what it governs; undefined for everything. */
  readonly service?: readonly string[] | undefined;
  readonly route?: readonly string[] | undefined;
  readonly consumer?: readonly string[] | undefined;
  /** Handles of a group of consumers. */
  readonly group?: readonly string[] | undefined;
}

/** The entities of a list. */
export function entitiesOf(holder: Foreign, part: string, prefix = ''): Entity[] {
  return mappingsOf(holder[part]).map((value, index) => ({ item: `${prefix}${part}[${index}]${nameIn(value)}`, value }));
}

const nameIn = (value: Foreign): string => {
  const name = textOf(value['name']) ?? textOf(value['username']) ?? textOf(value['custom_id']);
  return name === undefined ? '' : ` (${name.slice(0, 100)})`;
};

/** Names and ids under which something is referred to. */
export const handlesOf = (value: Foreign): string[] => ['name', 'id', 'username'].flatMap((field) => textOf(value[field]) ?? []);

/** A reference is a name, or a mapping with a name or an id. */
export function referenceOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return isMapping(value) ? handlesOf(value) : [];
}

/** The plugins of an entity, or of the document: what they are nested in, else what they refer to, is their scope. */
export function pluginsOf(holder: Foreign, item: string, scope: Omit<Plugin, 'item' | 'value' | 'name'>): Plugin[] {
  return mappingsOf(holder['plugins']).map((value, index) => {
    const own = (field: string): readonly string[] | undefined => {
      const handles = referenceOf(value[field]);
      return handles.length > 0 ? handles : undefined;
    };
    const name = textOf(value['name']) ?? '';
    return {
      item: `${item}[${index}] (${name})`,
      value,
      name,
      service: scope.service ?? own('service'),
      route: scope.route ?? own('route'),
      consumer: scope.consumer ?? own('consumer'),
      group: scope.group ?? own('consumer_group'),
    };
  });
}
