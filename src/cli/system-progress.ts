/** Progress as a bar on the terminal, on stderr. It draws by timers of its own and is gone from the screen after `stop`. */
import { SingleBar } from 'cli-progress'
import { countEnded } from './order-summary.ts'
import { doingText, submittingText, type Progress } from './progress.ts'

export const createBar = (stream: NodeJS.WritableStream): Progress => {
  const bar = new SingleBar({
    format: '[{bar}] {doing}',
    barsize: 24,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    fps: 8,
    stream,
    clearOnComplete: true,
    emptyOnZero: true,
    // Ctrl-C is the command's to handle.
    gracefulExit: false
  })
  const draw = (total: number, value: number, doing: string): void => {
    if (!bar.isActive) bar.start(total, value, { doing })
    bar.setTotal(total)
    bar.update(value, { doing })
  }
  return {
    submitting: (progress) => (progress.kind === 'uploading' ? draw(progress.sizeBytes, progress.sentBytes, submittingText(progress)) : draw(1, 1, submittingText(progress))),
    update: ({ order, rows }) => draw(order.targeted, countEnded(order), `${countEnded(order)}/${order.targeted}  ${doingText({ order, rows })}`),
    stop() {
      if (bar.isActive) bar.stop()
    }
  }
}
