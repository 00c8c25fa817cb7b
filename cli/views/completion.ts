/** Completion scripts for shells, made from the commands and flags that there are. */

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** With their dashes: `--yes`, `-y`. */
  readonly flags: readonly string[];
  /** Words of the first argument, such as kinds. */
  readonly words: readonly string[];
}

/** `keys:list` and its like as one command `keys` with their words; flags are those of any of them. */
export function withTopics(commands: readonly CompletedCommand[], topics: ReadonlyMap<string, string>): CompletedCommand[] {
  const found = new Map<string, CompletedCommand>();
  for (const command of commands) {
    const [topic = '', word] = command.name.split(':');
    const known = found.get(topic);
    const entry = word === undefined ? command : { ...command, name: topic, summary: topics.get(topic) ?? '', words: [word] };
    const flags = [...new Set([...(known?.flags ?? []), ...entry.flags])];
    found.set(topic, { ...entry, summary: known?.summary ?? entry.summary, flags, words: [...(known?.words ?? []), ...entry.words] });
  }
  return [...found.values()];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script of a shell; `source` it, or put it where the shell looks. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  if (shell === 'fish') return fishScript(commands);
  const bash = bashScript(commands);
  return shell === 'zsh' ? `#compdef stoactl\nautoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, flags, words }) => `    ${name}) flags="${flags.join(' ')}"; words="${words.join(' ')}" ;;`);
  return `_stoactl() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" flags="" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) [ "$COMP_CWORD" -eq 2 ] && COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
  esac
}
complete -o default -F _stoactl stoactl
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, flags, words }) => [
    `complete -c stoactl -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...flags.map(
      (flag) =>
        `complete -c stoactl -n '__fish_seen_subcommand_from ${name}' ${flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`}`,
    ),
    ...(words.length === 0 ? [] : [`complete -c stoactl -n '__fish_seen_subcommand_from ${name}' -f -a ${quoted(words.join(' '))}`]),
  ]);
  return `${lines.join('\n')}\n`;
}
