/** The live view of `dev` on a terminal. */
import { useEffect, useState } from 'react';
import { Box, Text, render, useInput, useStdout } from 'ink';
import type { ApplyState, DevState, RequestState, ServiceState } from '../operations/dev/state.js';
import { printable } from './paint.js';

/** Where the view gets its state from. */
export interface DevSource {
  readonly current: () => DevState;
  /** Called after changes, a few times a second at most. Gives what ends the subscription. */
  readonly subscribe: (changed: () => void) => () => void;
}

interface DevViewProps {
  readonly source: DevSource;
  readonly quit: () => void;
}

const STATUS: Readonly<Record<ServiceState['status'], { readonly color: string; readonly mark: string; readonly word: string }>> = {
  starting: { color: 'yellow', mark: '○', word: 'starting' },
  ready: { color: 'green', mark: '●', word: 'healthy' },
  degraded: { color: 'yellow', mark: '●', word: 'not ready' },
  down: { color: 'red', mark: '●', word: 'down' },
  stopped: { color: 'gray', mark: '○', word: 'stopped' },
};

/** Services, last requests, last apply, errors. `q` and Ctrl-C ask to quit. */
export function DevView({ source, quit }: DevViewProps): React.JSX.Element {
  const [state, setState] = useState(source.current());
  const columns = useStdout().stdout.columns || 80;
  useEffect(() => source.subscribe(() => setState(source.current())), [source]);
  useInput((input, key) => {
    if (input === 'q' || (key.ctrl && input === 'c')) quit();
  });
  return (
    <Box flexDirection="column" width={Math.min(columns, 120)} paddingTop={1}>
      <Services services={state.services} />
      <Requests requests={state.requests} />
      {state.lastApply === undefined ? null : <LastApply apply={state.lastApply} />}
      {state.errors.length === 0 ? null : <Section title="Errors">{state.errors.map((text, index) => line(text, index, 'red'))}</Section>}
      <Box marginTop={1}>
        <Text dimColor>
          {state.isStopping ? 'finishing what is in flight…' : 'q quits · edits of manifests are applied as they are saved'}
        </Text>
      </Box>
    </Box>
  );
}

function Services({ services }: { readonly services: readonly ServiceState[] }): React.JSX.Element {
  return (
    <Section title="Services">
      {services.map(({ name, status, url, detail }) => (
        <Text key={name} wrap="truncate-end">
          <Text color={STATUS[status].color}>{STATUS[status].mark} </Text>
          {name.padEnd(14)} {STATUS[status].word.padEnd(9)} {url} <Text dimColor>{printable(detail)}</Text>
        </Text>
      ))}
    </Section>
  );
}

function Requests({ requests }: { readonly requests: readonly RequestState[] }): React.JSX.Element {
  return (
    <Section title="Last requests">
      {requests.length === 0 ? <Text dimColor>none yet</Text> : null}
      {requests.map(({ at, method, path, status, latencyMs, consumer }, index) => (
        <Text key={index} wrap="truncate-end">
          <Text dimColor>{at}</Text> <Text color={status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'}>{status}</Text>{' '}
          {printable(method)} {printable(path)}{' '}
          <Text dimColor>
            {latencyMs} ms {printable(consumer)}
          </Text>
        </Text>
      ))}
    </Section>
  );
}

function LastApply({ apply }: { readonly apply: ApplyState }): React.JSX.Element {
  return (
    <Section title="Last apply">
      <Text wrap="truncate-end">
        <Text dimColor>{apply.at}</Text> <Text color={apply.isApplied ? 'green' : 'red'}>{apply.summary}</Text>
      </Text>
      {apply.lines.map((text, index) => line(text, index))}
    </Section>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: React.ReactNode }): React.JSX.Element {
  return (
    <Box flexDirection="column" marginBottom={1}>
      <Text bold>{title}</Text>
      {children}
    </Box>
  );
}

const line = (text: string, index: number, color?: string): React.JSX.Element => (
  <Text key={index} wrap="truncate-end" {...(color === undefined ? {} : { color })}>
    {printable(text)}
  </Text>
);

/** Draws the view below what was printed before. Gives what takes it away again. */
export function showDev(source: DevSource, quit: () => void): () => void {
  const instance = render(<DevView source={source} quit={quit} />, { exitOnCtrlC: false, patchConsole: false });
  return () => {
    instance.unmount();
  };
}
