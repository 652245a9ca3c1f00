/** Log lines as a person at a terminal reads them: time, level when it is not info, sentence, facts. */
import type { DestinationStream } from 'pino';

const notFacts = new Set(['level', 'time', 'name', 'message']);

export const prettyLines = (to: DestinationStream): DestinationStream => ({
  write: (json) => to.write(prettyLine(json)),
});

export const prettyLine = (json: string): string => {
  const line = JSON.parse(json) as Record<string, unknown>;
  const time = plain(line['time']).slice(11, 23);
  const level = line['level'] === 'info' ? '' : `${plain(line['level']).toUpperCase()} `;
  const facts = Object.entries(line)
    .filter(([name]) => !notFacts.has(name))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`);
  return `${time} ${level}${plain(line['message'])}${facts.join('')}\n`;
};

const plain = (value: unknown): string => (typeof value === 'string' ? value : '');
