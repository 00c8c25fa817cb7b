/** Completion scripts for shells, made from the commands and flags that there are. */

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** With their dashes: `--yes`, `-y`. */
  readonly flags: readonly string[];
  /** Words of the first argument, such as kinds. */
  readonly words: readonly string[];
  /** Of what kind the names are that follow: a plural, or `kind` where the word before says it. Asked of the control plane while somebody completes. */
  readonly names?: string | undefined;
}

/** `keys:list` and its like as one command `keys` with their words; flags are those of any of them. */
export function withTopics(commands: readonly CompletedCommand[], topics: ReadonlyMap<string, string>): CompletedCommand[] {
  const found = new Map<string, CompletedCommand>();
  for (const command of commands) {
    const [topic = '', word] = command.name.split(':');
    const known = found.get(topic);
    const entry = word === undefined ? command : { ...command, name: topic, summary: topics.get(topic) ?? '', words: [word] };
    const flags = [...new Set([...(known?.flags ?? []), ...entry.flags])];
    const names = entry.names ?? known?.names;
    found.set(topic, {
      ...entry,
      summary: known?.summary ?? entry.summary,
      flags,
      names,
      words: [...(known?.words ?? []), ...entry.words],
    });
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

/** Words of a command line before the one of the name: those of the command, and of what comes between. */
const wordsBefore = ({ names, words }: CompletedCommand): number => (names === 'kind' || words.length > 0 ? 3 : 2);

function bashScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map((command) => {
    const { name, flags, words, names } = command;
    const kind = names === 'kind' ? '"${COMP_WORDS[2]}"' : names;
    const live = kind === undefined ? '' : ` [ "$COMP_CWORD" -eq ${wordsBefore(command)} ] && names=${kind};`;
    return `    ${name}) flags="${flags.join(' ')}"; words="${words.join(' ')}";${live} ;;`;
  });
  return `_stoactl() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" flags="" words="" names=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  [ "$prev" = --tenant ] && words="" names=tenants
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) [ "$COMP_CWORD" -ne 2 ] && words=""
      [ -n "$names" ] && words="$("\${COMP_WORDS[0]}" complete-names "$names" 2>/dev/null)"
      COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
  esac
}
complete -o default -F _stoactl stoactl
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const { name, summary, flags, words, names } = command;
    const seen = `__fish_seen_subcommand_from ${name}`;
    const isAt = (count: number): string => `'${seen}; and test (count (commandline -opc)) -eq ${count}'`;
    const kind = names === 'kind' ? '' : (names ?? '');
    return [
      `complete -c stoactl -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
      ...flags.map((flag) => `complete -c stoactl -n '${seen}' ${flagOf(flag)}`),
      ...(words.length === 0 ? [] : [`complete -c stoactl -n ${isAt(2)} -f -a ${quoted(words.join(' '))}`]),
      ...(names === undefined ? [] : [`complete -c stoactl -n ${isAt(wordsBefore(command))} -f -a '(__stoactl_names ${kind})'`]),
    ];
  });
  return `${FISH_NAMES}${lines.join('\n')}\n`;
}

/** Names of a kind, by default of the one that is the second word. */
const FISH_NAMES = `function __stoactl_names
    set -l words (commandline -opc)
    set -q argv[1]; or set argv $words[3]
    $words[1] complete-names $argv[1] 2>/dev/null
end
`;

/** `--tenant` takes the name of a tenant that is there. */
function flagOf(flag: string): string {
  if (flag === '--tenant') return "-l tenant -x -a '(__stoactl_names tenants)'";
  return flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}
