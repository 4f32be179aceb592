// Model family: everything that the rest of the runtime asks of an architecture. A new architecture is a folder with
// one such record, listed in families.ts.

import type { DrawMath } from "../draw/random.js";
import type { GraphBuilder } from "../graph/graph.js";
import type { Segment } from "../graph/program.js";
import type { TensorId } from "../graph/tensor.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import type { NamedTensor, ParameterShapes, TensorMap } from "../weights/tensor-map.js";
import type { ClassifierConfig } from "./config.js";
import type { Fields } from "./config-fields.js";

/** Name of the store that a model's parameters are read from. */
export const WEIGHTS = "weights";

/** Name of the store of running statistics, which a training step updates without a gradient. */
export const BUFFERS = "buffers";

/**
 * The image input of a graph: bytes `pixels`, uint8 [batch, size, size, 3], or normalized floats `image`, float32
 * [batch, 3, size, size], as PyTorch takes.
 */
export type ImageInput = "pixels" | "image";

export interface ClassifierOptions {
  batch: number;
  input: ImageInput;
  /** Called with every intermediate tensor and its name in the reference's fixtures. */
  onTensor?: (name: string, tensor: TensorId) => void;
  /** Called with the features that a head reads, [batch, width], head by head. */
  onFeatures?: (features: TensorId) => void;
}

export interface ClassifierHeads {
  /** [batch, classes]. */
  classLogits: TensorId;
  /** [batch, classes]; absent for a model with one head. */
  distillationLogits?: TensorId;
}

/** A model as Hugging Face's transformers loads it. */
export interface HuggingFaceModel {
  /** The class and its sizes, fields of config.json. */
  fields: Fields;
  /** Under the class's names. */
  tensors: TensorMap;
}

/** A model as `timm.create_model` makes it; its tensors have timm's names already. */
export interface TimmModel {
  architecture: string;
  /** Arguments that differ from the architecture's own. */
  modelArgs: Fields;
  /** Width of the features before the head. */
  features: number;
  globalPool: "token" | "avg";
  firstConvolution: string;
  /** Fields of config.json that timm ignores and Vitrine reads. */
  otherFields: Fields;
  /** Where timm computes otherwise, for people. */
  notices: readonly string[];
}

export interface TrainedOptions extends ClassifierOptions {
  /** Whether the inputs that `branches` names, [batch] each, scale the residual branches. */
  stochasticDepth: boolean;
  /** Called with the segments that the backward pass may recompute, in order. */
  onSegment?: (segment: Segment) => void;
}

/**
 * What training asks of an architecture. Both graphs read the stores `weights` and `buffers`, whose tensors have the
 * axes that `toStored` gives them.
 */
export interface FamilyTraining<C extends ClassifierConfig> {
  /** Adds the model in training mode: image input → logits. Running statistics move with every run. */
  addTrained(graph: GraphBuilder, config: C, options: TrainedOptions): ClassifierHeads;
  /** Adds the model in evaluation mode, with the logits that `addClassifier` gives from the same weights. */
  addEvaluated(graph: GraphBuilder, config: C, options: ClassifierOptions): ClassifierHeads;
  /** Inputs that scale residual branches in stochastic depth: each block's, the same number for every block. */
  branches(config: C): readonly (readonly string[])[];
  /** Parameters without weight decay besides biases and one-dimensional tensors. */
  readonly noDecay: readonly string[];
  /** The weights that a training from scratch starts from; the same seed gives the same bits on every machine. */
  initialWeights(config: C, seed: number, math: DrawMath): TensorMap;
  /** The shape in the stores of a tensor with PyTorch's axes. */
  storedShape(shape: readonly number[]): readonly number[];
  /** A tensor with PyTorch's axes → with those of the stores; it may share the values. */
  toStored(tensor: NamedTensor): NamedTensor;
  /** Back to PyTorch's axes, `shape`. */
  fromStored(data: Float32Array, shape: readonly number[]): NamedTensor;
}

export interface ModelFamily<C extends ClassifierConfig> {
  /** In messages: DeiT, RegNetY. */
  readonly name: string;
  /** Values of config.json's `model_type`. */
  readonly modelTypes: readonly string[];
  /** timm's names of the published models. */
  readonly publishedNames: readonly string[];
  /** The configuration of a published model, the caller's to change; undefined for another name. */
  published(name: string): C | undefined;

  /** Whether a configuration is of this family. */
  hasConfig(config: ClassifierConfig): config is C;
  /** Whether a config.json is of this family. */
  hasFields(fields: Fields): boolean;
  /** Whether tensors of these names are a model of this family, where no config.json says so. */
  hasTensors(names: Iterable<string>): boolean;

  /** The family's own fields of a config.json. Throws `model/config` naming `subject`. */
  readFields(fields: Fields, subject: string): Partial<C>;
  writeFields(config: C): Fields;
  /** The part of the configuration implied by a name or file name that contains a published name. */
  sizesOfName(name: string): Partial<C>;
  /** The part of the configuration that follows from the shapes. Throws `weights/missing-tensor`. */
  sizesFromShapes(tensors: TensorMap, subject: string): Partial<C>;
  /** Adds the defaults. Throws `model/config` where a size without a default is missing. */
  completeConfig(sizes: Partial<C>, subject: string): C;
  /**
   * Throws `model/config` where sizes are out of range or do not fit each other. `subject` names their source in errors.
   */
  checkConfig(config: C, subject?: string): void;

  /** A checkpoint's tensors, under any naming that is known, under timm's names. Throws `weights/…`. */
  toTimmNames(tensors: TensorMap, subject: string): TensorMap;
  /** Blocks of a model, each of several tensors; checked before `parameters` makes a list of them. */
  blockCount(config: C): number;
  /** timm name → shape with PyTorch's axes of every tensor in a file. Throws `model/config`. */
  parameters(config: C): ParameterShapes;
  /** Layers that give logits: `NAME.weight` [classes, width] and `NAME.bias` [classes]. */
  headNames(config: C): readonly string[];
  /**
   * The same model for square images of another size; tensors that do not depend on it are the given ones. Throws
   * `model/config` for a size that the model cannot take.
   */
  atImageSize(config: C, weights: TensorMap, imageSize: number): { config: C; weights: TensorMap };
  /** Absent where transformers has no class for the family. Throws `export/unsupported`. */
  toHuggingFace?(config: C, weights: TensorMap): HuggingFaceModel;
  /** Absent where timm has no such models. Throws `export/unsupported`. */
  toTimm?(config: C): TimmModel;
  /** Weights that int8 inference keeps in eight bits; empty where a family has no int8 inference. */
  int8Layers(config: C): ReadonlySet<string>;

  /** Names and shapes of the tensors that `inferenceWeights` gives. */
  inferenceShapes(config: C): ParameterShapes;
  /** Tensors under timm's names → those that the graph of `addClassifier` reads. Throws `weights/…`. */
  inferenceWeights(config: C, weights: TensorMap): TensorMap;
  /** int8 matrices in place of some of `weights` → those that the graph reads; absent where they stay as they are. */
  inferenceMatrices?(
    config: C,
    weights: TensorMap,
    matrices: ReadonlyMap<string, Int8Matrix>,
  ): ReadonlyMap<string, Int8Matrix>;
  /** Adds the model in evaluation mode: image input, parameters from the store `weights` → logits. */
  addClassifier(graph: GraphBuilder, config: C, options: ClassifierOptions): ClassifierHeads;

  /** The sizes of a model in words: `patch 16, width 192, depth 12, 3 attention heads`. */
  describe(config: C): string;
  readonly training: FamilyTraining<C>;
}
