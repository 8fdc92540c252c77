import { editor, type IDisposable } from 'monaco-editor/editor';
import { type Text, type Transaction, UndoManager, type YTextEvent } from 'yjs';
import { difference, type Step, toDelta, toEdits } from './delta';
import { maySplitPair, wellFormed } from './pairs';
import type { SharedSelection } from './selections';
import { differs } from './touched';
import { UndoSteps } from './undoSteps';
import { View } from './view';

export interface BindingConfig {
  text: Text;
  model: editor.ITextModel;
  canWrite: () => boolean;
  /** Called when the model had to be corrected: never expected, always worth knowing. */
  onHeal?: (reason: string) => void;
}

/** A pause that begins a new undo step. */
const CAPTURE_MS = 1000;
const SELECTIONS = 'selections';
const CLEANING = Symbol('cleaning');

/**
 * Keeps a Monaco model and a shared text equal.
 * Invariant: after every transaction the model, with LF line ends, has the length of the text and its touched lines; otherwise the model is
 * corrected from the text. The text never gets half of a surrogate pair: others would read another character. Owns the model's undo, which
 * affects this person's edits only.
 */
export class CodeBinding {
  readonly undoManager: UndoManager;
  heals = 0;

  private readonly text: Text;
  private readonly model: editor.ITextModel;
  private readonly listener: IDisposable;
  // Transactions with edits that the model already has.
  private readonly own = new WeakSet<Transaction>();
  private readonly steps = new UndoSteps();
  private view: View | null = null;
  private before: readonly SharedSelection[] = [];
  private applying = false;
  private destroyed = false;
  // The text holds something that a model cannot (CR, embeds), so that offsets differ.
  private unclean = false;

  constructor(private readonly config: BindingConfig) {
    this.text = config.text;
    this.model = config.model;
    this.undoManager = new UndoManager(this.text, { captureTimeout: CAPTURE_MS, trackedOrigins: new Set([this]) });
    this.model.setEOL(editor.EndOfLineSequence.LF);
    this.match();
    this.text.observe(this.onText);
    this.listener = this.model.onDidChangeContent((event) => this.onModel(event));
    this.takeOverUndo();
  }

  /** Keeps the scroll position, carets and selections of `codeEditor`, which shows the model, through remote edits. */
  attach(codeEditor: editor.ICodeEditor): View {
    this.view?.dispose();
    this.view = new View(codeEditor, this.text, () => this.applying);
    this.view.onComposition((composing) => this.steps.compose(composing));
    return this.view;
  }

  destroy() {
    if (this.destroyed) return;
    this.destroyed = true;
    this.text.unobserve(this.onText);
    this.listener.dispose();
    this.view?.dispose();
    this.undoManager.destroy();
    for (const name of ['undo', 'redo', 'canUndo', 'canRedo']) Reflect.deleteProperty(this.model, name);
  }

  private onModel(event: editor.IModelContentChangedEvent) {
    if (this.applying) return;
    if (event.isEolChange) return this.restoreLf();
    if (!this.config.canWrite()) return this.match();
    if (this.unclean) this.clean();
    this.before = this.view?.selections() ?? [];
    if (this.steps.begins(event.changes)) this.undoManager.stopCapturing();
    const written = toDelta(event.changes);
    const delta = written.map((step) => ('insert' in step ? { insert: wellFormed(step.insert) } : step));
    const isWellFormed = delta.every((step, i) => !('insert' in step) || step.insert === (written[i] as typeof step).insert);
    const nested = this.text.doc?.transact((transaction) => {
      this.own.add(transaction);
      this.write(delta);
      return transaction.origin !== this;
    }, this);
    this.view?.refresh();
    // At the end of a transaction that is not ours, `onText` corrects the model.
    if (nested) return;
    if (isWellFormed) this.check('local', delta);
    else this.match();
  }

  /** Applies a local change. Several places at once are written in ascending order: the other order is slow everywhere. */
  private write(delta: readonly Step[]) {
    const [keep, ...change] = delta;
    if (keep === undefined || !('retain' in keep) || change.some((step) => 'retain' in step)) {
      this.text.applyDelta([...delta]);
      return;
    }
    // The index finds one place without a walk through the text.
    let at = keep.retain;
    for (const step of change) {
      if ('delete' in step) this.text.delete(at, step.delete);
      if ('insert' in step) this.text.insert(at, step.insert);
      at += 'insert' in step ? step.insert.length : 0;
    }
  }

  private readonly onText = (event: YTextEvent, transaction: Transaction) => {
    if (transaction.origin === this || transaction.origin === CLEANING) return;
    if (this.own.has(transaction)) return this.heal('nested');
    const delta = this.unclean || maySplitPair(transaction) ? null : steps(event);
    if (delta === null) return this.match();
    this.apply(delta);
    this.check('remote', delta);
  };

  private apply(delta: readonly Step[]) {
    if (delta.length === 0) return;
    const settle = this.view?.hold(delta);
    this.applying = true;
    try {
      this.model.applyEdits(toEdits(this.model, delta));
      settle?.();
    } finally {
      this.applying = false;
    }
  }

  private check(reason: string, delta: readonly Step[]) {
    if (differs(this.model, this.text, delta)) this.heal(reason);
  }

  private heal(reason: string) {
    this.heals += 1;
    this.config.onHeal?.(reason);
    this.match();
  }

  /** Makes the model equal to the text, except for what a model cannot hold. */
  private match() {
    const clean = this.text.toString().replaceAll('\r', '');
    this.apply(difference(this.model.getValue(editor.EndOfLinePreference.LF), clean));
    this.unclean = clean.length !== this.text.length;
    if (this.unclean) queueMicrotask(() => this.clean());
  }

  // Deleting is idempotent: clients that clean at the same time agree.
  private clean() {
    if (!this.unclean || !this.config.canWrite()) return;
    this.unclean = false;
    this.text.doc?.transact(() => {
      for (const at of dirt(this.text)) this.text.delete(at, 1);
    }, CLEANING);
  }

  private restoreLf() {
    this.applying = true;
    this.model.setEOL(editor.EndOfLineSequence.LF);
    this.applying = false;
  }

  private takeOverUndo() {
    const { undoManager } = this;
    undoManager.on('stack-item-added', ({ stackItem }) => void stackItem.meta.set(SELECTIONS, this.before));
    undoManager.on('stack-item-popped', ({ stackItem }) => {
      this.view?.restore(stackItem.meta.get(SELECTIONS) as readonly SharedSelection[]);
    });
    const may = () => this.config.canWrite();
    const run = (step: () => void) => () => {
      if (!may()) return;
      this.before = this.view?.selections() ?? [];
      step();
    };
    Object.assign(this.model, {
      undo: run(() => undoManager.undo()),
      redo: run(() => undoManager.redo()),
      canUndo: () => may() && undoManager.canUndo(),
      canRedo: () => may() && undoManager.canRedo(),
    });
  }
}

/** The event as steps over plain text; null if it adds something that a model cannot hold. */
function steps(event: YTextEvent): Step[] | null {
  const result: Step[] = [];
  for (const { retain, delete: removed, insert } of event.delta) {
    if (retain !== undefined) result.push({ retain });
    else if (removed !== undefined) result.push({ delete: removed });
    else if (typeof insert === 'string' && !insert.includes('\r')) result.push({ insert });
    else return null;
  }
  return result;
}

/** The places where the text holds a CR or an embed, the last first. */
function dirt(text: Text): number[] {
  const places: number[] = [];
  let at = 0;
  for (const { insert } of text.toDelta() as { insert: unknown }[]) {
    const run = typeof insert === 'string' ? insert : '\r';
    for (let i = run.indexOf('\r'); i >= 0; i = run.indexOf('\r', i + 1)) places.push(at + i);
    at += run.length;
  }
  return places.reverse();
}
