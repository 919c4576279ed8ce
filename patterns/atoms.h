// The list of atoms: a new one is a header and a row here. A row's place is its `kind` in
// lac_atom, so rows are only ever added at the end.
#pragma once
#include "patterns/bigbird.h"
#include "patterns/block.h"
#include "patterns/dense.h"
#include "patterns/dilated.h"
#include "patterns/every.h"
#include "patterns/global.h"
#include "patterns/global_list.h"
#include "patterns/local.h"
#include "patterns/mask_blocks.h"
#include "patterns/mask_csr.h"
#include "patterns/mask_pairs.h"
#include "patterns/sink.h"
#include "patterns/strided.h"
#include "patterns/topk.h"
#include "patterns/window.h"

#define LAC_ATOMS(X) \
    X(Dense)         \
    X(Window)        \
    X(Local)         \
    X(Every)         \
    X(Strided)       \
    X(Dilated)       \
    X(Sink)          \
    X(Global)        \
    X(Block)         \
    X(BigBird)       \
    X(GlobalList)    \
    X(MaskCsr)       \
    X(MaskBlocks)    \
    X(MaskPairs)     \
    X(TopK)
