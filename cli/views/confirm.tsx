/** The question before an apply. Loaded only when there is a person to answer it. */
import { Box, render, Text, useApp, useInput } from 'ink';
import { useState, type ReactElement } from 'react';

export type Answer = 'yes' | 'no' | 'interrupted';

interface ConfirmProps {
  readonly question: string;
  readonly onAnswer: (answer: Answer) => void;
}

/** One line with the question. `y` or `yes` and Enter is yes; anything else is no, so that a stray key applies nothing. */
export function Confirm({ question, onAnswer }: ConfirmProps): ReactElement {
  const { exit } = useApp();
  const [typed, setTyped] = useState('');
  useInput((input, key) => {
    const end = /[\r\n]/.exec(input);
    const text = key.backspace || key.delete ? typed.slice(0, -1) : typed + (end === null ? input : input.slice(0, end.index));
    const isInterrupt = key.ctrl && input === 'c';
    if (!isInterrupt && !key.return && !key.escape && end === null) {
      setTyped(text);
      return;
    }
    onAnswer(isInterrupt ? 'interrupted' : !key.escape && /^y(es)?$/i.test(text.trim()) ? 'yes' : 'no');
    exit();
  });
  return (
    <Box>
      <Text bold>{question} </Text>
      <Text dimColor>[y/N] </Text>
      <Text>{typed}</Text>
    </Box>
  );
}

/** Asks on stderr, so that stdout holds the result alone. */
export async function confirm(question: string): Promise<Answer> {
  let answer: Answer = 'no';
  const onAnswer = (given: Answer): void => {
    answer = given;
  };
  const app = render(<Confirm question={question} onAnswer={onAnswer} />, {
    stdout: process.stderr,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  await app.waitUntilExit();
  return answer;
}
