/**
 * A signal that is aborted after a time unless `end` is called before. Its timer keeps the process alive, which that of `AbortSignal.timeout` does not: a
 * server that closes each connection at once leaves `fetch` waiting with nothing else that would, and Node.js would end without a word.
 */
export function deadline(ms: number): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('There was no answer in time.', 'TimeoutError')), ms);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}
