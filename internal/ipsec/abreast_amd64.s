#include "textflag.h"

#define EIGHT(op) \
	op X9, X0; op X9, X1; op X9, X2; op X9, X3; \
	op X9, X4; op X9, X5; op X9, X6; op X9, X7

// The block of a lane, and the first round key, are added to what is chained.
#define CHAIN(lane, x) \
	MOVOU (lane)(BX*1), X8; PXOR X9, X8; PXOR X8, x

// func encryptAbreast(rounds int, keys *byte, lanes *[8]*byte, blocks int)
TEXT ·encryptAbreast(SB), NOSPLIT, $0-32
	MOVQ rounds+0(FP), CX
	MOVQ keys+8(FP), AX
	MOVQ lanes+16(FP), BX
	MOVQ blocks+24(FP), DX
	MOVQ 0(BX), SI
	MOVQ 8(BX), DI
	MOVQ 16(BX), R8
	MOVQ 24(BX), R9
	MOVQ 32(BX), R10
	MOVQ 40(BX), R11
	MOVQ 48(BX), R12
	MOVQ 56(BX), R13
	MOVOU (SI), X0
	MOVOU (DI), X1
	MOVOU (R8), X2
	MOVOU (R9), X3
	MOVOU (R10), X4
	MOVOU (R11), X5
	MOVOU (R12), X6
	MOVOU (R13), X7
	SHLQ  $4, CX
	ADDQ  AX, CX    // the last round key
	SHLQ  $4, DX    // the offset of the last block
	XORQ  BX, BX

block:
	CMPQ  BX, DX
	JGE   done
	ADDQ  $16, BX
	MOVOU (AX), X9
	CHAIN(SI, X0)
	CHAIN(DI, X1)
	CHAIN(R8, X2)
	CHAIN(R9, X3)
	CHAIN(R10, X4)
	CHAIN(R11, X5)
	CHAIN(R12, X6)
	CHAIN(R13, X7)
	LEAQ  16(AX), R14

rounds:
	MOVOU (R14), X9
	EIGHT(AESENC)
	ADDQ  $16, R14
	CMPQ  R14, CX
	JLT   rounds
	MOVOU (CX), X9
	EIGHT(AESENCLAST)
	MOVOU X0, (SI)(BX*1)
	MOVOU X1, (DI)(BX*1)
	MOVOU X2, (R8)(BX*1)
	MOVOU X3, (R9)(BX*1)
	MOVOU X4, (R10)(BX*1)
	MOVOU X5, (R11)(BX*1)
	MOVOU X6, (R12)(BX*1)
	MOVOU X7, (R13)(BX*1)
	JMP   block

done:
	RET
