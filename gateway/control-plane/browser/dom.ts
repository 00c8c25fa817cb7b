/** Elements as values. What comes from the server becomes text, never markup. */

type Child = Node | string | undefined;
type Props<Tag extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[Tag], 'children' | 'style' | 'list' | 'form' | 'dataset' | 'classList'>
>;

/** An element with these properties and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props<Tag> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A field under its label. */
export const labelled = (label: string, field: HTMLElement): HTMLLabelElement => h('label', {}, h('span', { textContent: label }), field);

/** A choice between values, shown by their labels. */
export function select(options: readonly (readonly [value: string, label: string])[], value = ''): HTMLSelectElement {
  const element = h('select', {}, ...options.map(([each, label]) => h('option', { value: each, textContent: label })));
  element.value = value;
  return element;
}

/** The element of the page with this id. Throws when the page has none. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new TypeError(`The page has no element "${id}".`);
  return element;
}

/** An instant in the words of the reader's place. */
export const shownTime = (instant: string | null): string => (instant === null ? '' : new Date(instant).toLocaleString());

/** What went wrong, in words. */
export const wordsOf = (problem: unknown): string =>
  problem instanceof Error ? problem.message : typeof problem === 'string' ? problem : 'Something went wrong.';

/** Shows what went wrong, or, with nothing, that all is well. */
export function showProblem(place: HTMLElement, problem?: unknown): void {
  place.textContent = problem === undefined ? '' : wordsOf(problem);
  place.hidden = problem === undefined;
}
