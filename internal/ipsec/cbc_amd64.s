#include "textflag.h"

#define EIGHT(op) \
	op X9, X0; op X9, X1; op X9, X2; op X9, X3; \
	op X9, X4; op X9, X5; op X9, X6; op X9, X7

// func decryptCBC(rounds int, keys, dst, src *byte, blocks int, iv *byte)
TEXT ·decryptCBC(SB), NOSPLIT, $0-48
	MOVQ  rounds+0(FP), CX
	MOVQ  keys+8(FP), AX
	MOVQ  dst+16(FP), DI
	MOVQ  src+24(FP), SI
	MOVQ  blocks+32(FP), BX
	MOVQ  iv+40(FP), DX
	MOVOU (DX), X8               // the ciphertext before the next block

eight:
	CMPQ  BX, $8
	JLT   one
	MOVOU 0(SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	MOVOU 64(SI), X4
	MOVOU 80(SI), X5
	MOVOU 96(SI), X6
	MOVOU 112(SI), X7
	MOVOU (AX), X9
	EIGHT(PXOR)
	LEAQ  16(AX), R8
	LEAQ  -1(CX), R9

eightRounds:
	MOVOU (R8), X9
	EIGHT(AESDEC)
	ADDQ  $16, R8
	DECQ  R9
	JNZ   eightRounds
	MOVOU (R8), X9
	EIGHT(AESDECLAST)

	// All of the ciphertext is read before any of it may be overwritten.
	PXOR  X8, X0
	MOVOU 0(SI), X9
	PXOR  X9, X1
	MOVOU 16(SI), X9
	PXOR  X9, X2
	MOVOU 32(SI), X9
	PXOR  X9, X3
	MOVOU 48(SI), X9
	PXOR  X9, X4
	MOVOU 64(SI), X9
	PXOR  X9, X5
	MOVOU 80(SI), X9
	PXOR  X9, X6
	MOVOU 96(SI), X9
	PXOR  X9, X7
	MOVOU 112(SI), X8
	MOVOU X0, 0(DI)
	MOVOU X1, 16(DI)
	MOVOU X2, 32(DI)
	MOVOU X3, 48(DI)
	MOVOU X4, 64(DI)
	MOVOU X5, 80(DI)
	MOVOU X6, 96(DI)
	MOVOU X7, 112(DI)
	ADDQ  $128, SI
	ADDQ  $128, DI
	SUBQ  $8, BX
	JMP   eight

one:
	TESTQ BX, BX
	JEQ   done
	MOVOU (SI), X1
	MOVOU (AX), X0
	PXOR  X1, X0
	LEAQ  16(AX), R8
	LEAQ  -1(CX), R9

oneRounds:
	MOVOU  (R8), X9
	AESDEC X9, X0
	ADDQ   $16, R8
	DECQ   R9
	JNZ    oneRounds
	MOVOU  (R8), X9
	AESDECLAST X9, X0
	PXOR   X8, X0
	MOVOU  X1, X8
	MOVOU  X0, (DI)
	ADDQ   $16, SI
	ADDQ   $16, DI
	DECQ   BX
	JMP    one

done:
	RET

// func substitute(word uint32) uint32
TEXT ·substitute(SB), NOSPLIT, $0-12
	MOVL            word+0(FP), AX
	MOVQ            AX, X0
	PSHUFD          $0, X0, X0
	AESKEYGENASSIST $0, X0, X1
	MOVQ            X1, AX
	MOVL            AX, ret+8(FP)
	RET

// func inverseColumns(key *[16]byte)
TEXT ·inverseColumns(SB), NOSPLIT, $0-8
	MOVQ   key+0(FP), AX
	MOVOU  (AX), X0
	AESIMC X0, X1
	MOVOU  X1, (AX)
	RET
