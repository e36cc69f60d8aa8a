//! Which instructions random programs have, besides branches.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use crate::rng::Rng;

/// How operands are made.
#[derive(Clone, Copy)]
enum Form {
    /// None.
    Bare,
    /// One register or memory operand.
    One(Width),
    /// Register or memory, then register.
    To(Width, Width),
    /// Register, then register or memory.
    From(Width, Width),
    /// As `From`, with a constant of 8 bits at the end.
    FromImmediate(Width, Width),
    /// Register, register, then register or memory.
    Three(Width, Width),
    /// Register or memory, then a constant of 8 or 32 bits.
    Immediate8(Width),
    Immediate32(Width),
    /// Register, then a constant.
    Constant(Width),
    /// The accumulator, then a constant of 32 bits.
    Accumulator(Register),
    /// Register or memory, then the constant 1, or CL.
    ByOne(Width),
    ByCl(Width),
    /// A register, then a memory operand.
    Load(Width),
    /// A memory operand, then a register.
    Store(Width),
    /// A memory operand.
    Memory,
    /// A register that is pushed or popped.
    Stack,
    /// ST(0) and ST(i).
    X87,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    B8,
    B32,
    B64,
    Xmm,
    Ymm,
    Zmm,
    Mask,
}

use Form::*;
use Width::*;

/// All that this processor has.
pub struct Instructions(Vec<(Form, Vec<Code>)>);

impl Instructions {
    pub fn of_this_processor() -> Self {
        let mut all = integer();
        all.extend(vector());
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            all.extend(avx());
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            all.extend(avx512());
        }
        Self(all)
    }

    /// A random instruction. `memory` is used if its form has a memory operand. An error if the registers do
    /// not fit.
    pub fn random(
        &self,
        rng: &mut Rng,
        memory: MemoryOperand,
        stack: bool,
    ) -> Result<Instruction, IcedError> {
        let (form, codes) = &self.0[rng.below(self.0.len() as u64) as usize];
        let code = rng.pick(codes);
        let in_memory = rng.one_in(2);
        let constant = rng.next() as i32;
        let small = i32::from(constant as i8);
        let small_unsigned = (constant & 0x3f) as u32;
        match *form {
            Bare => Ok(Instruction::with(code)),
            One(w) if in_memory && w != B64 => Instruction::with1(code, memory),
            One(w) => Instruction::with1(code, register(rng, w)),
            To(_, w) if in_memory => Instruction::with2(code, memory, register(rng, w)),
            To(v, w) | From(v, w) if !in_memory => {
                Instruction::with2(code, register(rng, v), register(rng, w))
            }
            To(v, _) | From(v, _) => Instruction::with2(code, register(rng, v), memory),
            FromImmediate(v, w) => {
                Instruction::with3(code, register(rng, v), register(rng, w), small_unsigned)
            }
            Three(v, _) if in_memory => Instruction::with3(code, register(rng, v), register(rng, v), memory),
            Three(v, w) => Instruction::with3(code, register(rng, v), register(rng, v), register(rng, w)),
            Immediate8(_) if in_memory => Instruction::with2(code, memory, small),
            Immediate8(w) => Instruction::with2(code, register(rng, w), small),
            Immediate32(_) if in_memory => Instruction::with2(code, memory, constant),
            Immediate32(w) => Instruction::with2(code, register(rng, w), constant),
            Constant(B64) => Instruction::with2(code, register(rng, B64), rng.next()),
            Constant(w) => Instruction::with2(code, register(rng, w), constant),
            Accumulator(register) => Instruction::with2(code, register, constant),
            ByOne(w) => Instruction::with2(code, register(rng, w), 1),
            ByCl(w) => Instruction::with2(code, register(rng, w), Register::CL),
            Load(w) => Instruction::with2(code, register(rng, w), memory),
            Store(w) => Instruction::with2(code, memory, register(rng, w)),
            Memory => Instruction::with1(code, memory),
            Stack if stack => Instruction::with1(code, register(rng, B64)),
            Stack => Ok(Instruction::with(Code::Nopd)),
            X87 => Instruction::with2(code, Register::ST0, Register::ST0 + rng.below(8) as u32),
        }
    }
}

fn register(rng: &mut Rng, width: Width) -> Register {
    let (first, count) = match width {
        B8 => (Register::AL, 20),
        B32 => (Register::EAX, 16),
        B64 => (Register::RAX, 16),
        Xmm => (Register::XMM0, 16),
        Ymm => (Register::YMM0, 16),
        Zmm => (Register::ZMM0, 32),
        Mask => (Register::K0, 8),
    };
    first + rng.below(count) as u32
}

fn integer() -> Vec<(Form, Vec<Code>)> {
    use Code::*;
    vec![
        (
            To(B64, B64),
            vec![Add_rm64_r64, Or_rm64_r64, Adc_rm64_r64, Sbb_rm64_r64, And_rm64_r64, Sub_rm64_r64],
        ),
        (
            To(B64, B64),
            vec![Xor_rm64_r64, Cmp_rm64_r64, Test_rm64_r64, Mov_rm64_r64, Xadd_rm64_r64, Bt_rm64_r64],
        ),
        (
            To(B32, B32),
            vec![Add_rm32_r32, Or_rm32_r32, Adc_rm32_r32, Sbb_rm32_r32, And_rm32_r32, Sub_rm32_r32],
        ),
        (To(B32, B32), vec![Xor_rm32_r32, Cmp_rm32_r32, Test_rm32_r32, Mov_rm32_r32, Xchg_rm32_r32]),
        (To(B8, B8), vec![Add_rm8_r8, Or_rm8_r8, Adc_rm8_r8, Sbb_rm8_r8, And_rm8_r8, Xor_rm8_r8, Mov_rm8_r8]),
        (
            From(B64, B64),
            vec![Add_r64_rm64, Adc_r64_rm64, Sub_r64_rm64, Xor_r64_rm64, Cmp_r64_rm64, Mov_r64_rm64],
        ),
        (From(B64, B64), vec![Imul_r64_rm64, Cmove_r64_rm64, Cmovb_r64_rm64, Cmovg_r64_rm64, Cmovs_r64_rm64]),
        (
            From(B32, B32),
            vec![Imul_r32_rm32, Cmovne_r32_rm32, Cmovp_r32_rm32, Cmovo_r32_rm32, Cmovle_r32_rm32],
        ),
        (From(B8, B8), vec![Cmp_r8_rm8, Sub_r8_rm8, Mov_r8_rm8, Sbb_r8_rm8]),
        (From(B32, B8), vec![Movzx_r32_rm8, Movsx_r32_rm8]),
        (From(B64, B32), vec![Movsxd_r64_rm32]),
        (Immediate8(B64), vec![Add_rm64_imm8, Or_rm64_imm8, Adc_rm64_imm8, And_rm64_imm8, Cmp_rm64_imm8]),
        (Immediate8(B32), vec![Sub_rm32_imm8, Xor_rm32_imm8, Sbb_rm32_imm8, Cmp_rm32_imm8, Add_rm32_imm8]),
        (Immediate8(B8), vec![Mov_rm8_imm8, Test_rm8_imm8, Cmp_rm8_imm8, Xor_rm8_imm8]),
        (Immediate8(B64), vec![Shl_rm64_imm8, Shr_rm64_imm8, Sar_rm64_imm8, Rol_rm64_imm8, Rcr_rm64_imm8]),
        (Immediate32(B64), vec![Add_rm64_imm32, Cmp_rm64_imm32, Mov_rm64_imm32, Test_rm64_imm32]),
        (Immediate32(B32), vec![Cmp_rm32_imm32, And_rm32_imm32, Mov_rm32_imm32, Test_rm32_imm32]),
        (Constant(B32), vec![Mov_r32_imm32]),
        (Constant(B64), vec![Mov_r64_imm64]),
        (Accumulator(Register::RAX), vec![Cmp_RAX_imm32, Add_RAX_imm32, Test_RAX_imm32, Xor_RAX_imm32]),
        (Accumulator(Register::EAX), vec![Cmp_EAX_imm32, Sub_EAX_imm32, Test_EAX_imm32]),
        (ByOne(B32), vec![Shl_rm32_1, Shr_rm32_1, Sar_rm32_1, Rcl_rm32_1, Ror_rm32_1]),
        (ByCl(B64), vec![Shl_rm64_CL, Shr_rm64_CL, Sar_rm64_CL, Rol_rm64_CL]),
        (One(B32), vec![Inc_rm32, Dec_rm32, Not_rm32, Neg_rm32, Mul_rm32]),
        (One(B64), vec![Inc_rm64, Dec_rm64, Neg_rm64, Mul_rm64, Imul_rm64, Div_rm64, Idiv_rm64, Bswap_r64]),
        (One(B8), vec![Sete_rm8, Setb_rm8, Setg_rm8, Sets_rm8, Setp_rm8, Seto_rm8, Inc_rm8, Dec_rm8]),
        (Load(B64), vec![Lea_r64_m]),
        (Load(B32), vec![Lea_r32_m]),
        (Bare, vec![Nopd, Cdq, Cqo, Cwde, Cdqe, Lahf, Sahf, Stc, Clc, Cmc, Cld, Std, Endbr64, Pause, Lfence]),
        (Bare, vec![Nopd, Lahf, Sahf, Cmc, Cdq, Cwde]),
        (Stack, vec![Push_r64, Pop_r64]),
        (Stack, vec![Push_r64]),
        (Bare, vec![Fld1, Fldpi, Fchs, Fabs, Fnop, Fninit, Fincstp, Emms, Wait]),
        (X87, vec![Fadd_st0_sti, Fmul_st0_sti, Fcomi_st0_sti, Fcmove_st0_sti]),
        (Memory, vec![Fld_m64fp, Fstp_m64fp, Fild_m32int, Fadd_m32fp, Fnstcw_m2byte, Stmxcsr_m32]),
    ]
}

fn vector() -> Vec<(Form, Vec<Code>)> {
    use Code::*;
    vec![
        (From(Xmm, Xmm), vec![Movups_xmm_xmmm128, Movdqu_xmm_xmmm128, Movups_xmm_xmmm128]),
        (Store(Xmm), vec![Movups_xmmm128_xmm, Movdqu_xmmm128_xmm, Movq_xmmm64_xmm]),
        (From(Xmm, Xmm), vec![Paddd_xmm_xmmm128, Pxor_xmm_xmmm128, Addps_xmm_xmmm128, Mulpd_xmm_xmmm128]),
        (From(Xmm, Xmm), vec![Divsd_xmm_xmmm64, Sqrtss_xmm_xmmm32, Ucomisd_xmm_xmmm64, Cvtss2sd_xmm_xmmm32]),
        (From(Xmm, B64), vec![Cvtsi2sd_xmm_rm64, Movq_xmm_rm64]),
        (From(B32, Xmm), vec![Cvttss2si_r32_xmmm32, Cvtsd2si_r32_xmmm64]),
        (FromImmediate(Xmm, Xmm), vec![Pshufd_xmm_xmmm128_imm8, Shufps_xmm_xmmm128_imm8]),
    ]
}

fn avx() -> Vec<(Form, Vec<Code>)> {
    use Code::*;
    vec![
        (Bare, vec![VEX_Vzeroupper, VEX_Vzeroall]),
        (From(Ymm, Ymm), vec![VEX_Vmovdqu_ymm_ymmm256, VEX_Vmovups_ymm_ymmm256]),
        (Store(Ymm), vec![VEX_Vmovdqu_ymmm256_ymm]),
        (
            Three(Ymm, Ymm),
            vec![VEX_Vpaddd_ymm_ymm_ymmm256, VEX_Vpxor_ymm_ymm_ymmm256, VEX_Vaddps_ymm_ymm_ymmm256],
        ),
        (Three(Xmm, Xmm), vec![VEX_Vmulsd_xmm_xmm_xmmm64, VEX_Vpaddq_xmm_xmm_xmmm128]),
        (Three(B64, B64), vec![VEX_Andn_r64_r64_rm64, VEX_Pdep_r64_r64_rm64, VEX_Pext_r64_r64_rm64]),
    ]
}

fn avx512() -> Vec<(Form, Vec<Code>)> {
    use Code::*;
    vec![
        (From(Zmm, Zmm), vec![EVEX_Vmovdqu32_zmm_k1z_zmmm512, EVEX_Vmovups_zmm_k1z_zmmm512]),
        (Three(Zmm, Zmm), vec![EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, EVEX_Vpxorq_zmm_k1z_zmm_zmmm512b64]),
        (Three(Mask, Mask), vec![VEX_Kandq_kr_kr_kr, VEX_Kxorq_kr_kr_kr]),
        (From(Mask, Mask), vec![VEX_Kmovq_kr_km64]),
    ]
}
