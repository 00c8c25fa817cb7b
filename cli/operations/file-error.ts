/** Why a file cannot be used, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of its path is no directory',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'its file system is read-only',
  EISDIR: 'it is a directory',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open',
};

/** For the end of a sentence, without its full stop. */
export function fileReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}
