import { editor, type IPosition } from 'monaco-editor/editor';
import type { Peer } from '@/lib/peer';

const SHOWN_MS = 2000;
const HOVER_COLUMNS = 1;

/** The name above one person's caret: shown briefly after each move, and on hover. */
export class NameLabel implements editor.IContentWidget {
  readonly allowEditorOverflow = false;
  readonly suppressMouseDown = true;
  private readonly node = document.createElement('div');
  private position: IPosition | null = null;
  private timer = 0;

  constructor(
    private readonly codeEditor: editor.ICodeEditor,
    private readonly clientId: number,
  ) {
    this.node.setAttribute('aria-hidden', 'true');
    codeEditor.addContentWidget(this);
  }

  getId = () => `codesync.peer.${this.clientId}`;
  getDomNode = () => this.node;
  getPosition = (): editor.IContentWidgetPosition | null =>
    this.position && {
      position: this.position,
      preference: [editor.ContentWidgetPositionPreference.ABOVE, editor.ContentWidgetPositionPreference.BELOW],
    };

  show(peer: Peer, position: IPosition) {
    // Names come from others: text, never markup or style.
    if (this.node.textContent !== peer.name) this.node.textContent = peer.name;
    this.node.className = `cs-name cs-c${peer.color}${this.timer ? ' cs-shown' : ''}`;
    const { position: before } = this;
    if (before?.lineNumber === position.lineNumber && before.column === position.column) return;
    this.position = { lineNumber: position.lineNumber, column: position.column };
    this.codeEditor.layoutContentWidget(this);
    this.reveal();
  }

  hover(at: IPosition | null) {
    const { position } = this;
    if (!at || at.lineNumber !== position?.lineNumber) return;
    if (Math.abs(at.column - position.column) <= HOVER_COLUMNS) this.reveal();
  }

  dispose() {
    window.clearTimeout(this.timer);
    this.codeEditor.removeContentWidget(this);
  }

  private reveal() {
    this.node.classList.add('cs-shown');
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.node.classList.remove('cs-shown');
    }, SHOWN_MS);
  }
}
