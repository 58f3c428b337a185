/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the 16550A by offset, and their bits.
 * Source: National Semiconductor PC16550D data sheet, "Registers".
 */
#ifndef MOAT_VMM_SERIAL_REGS_H
#define MOAT_VMM_SERIAL_REGS_H

#define UART_PORTS 8
#define UART_FIFO  16

#define UART_DATA  0 /* RBR read, THR write; divisor low under DLAB */
#define UART_IER   1 /* divisor high under DLAB */
#define UART_IIR   2 /* read */
#define UART_FCR   2 /* write */
#define UART_LCR   3
#define UART_MCR   4
#define UART_LSR   5
#define UART_MSR   6
#define UART_SCR   7

#define IER_RDA	   0x01 /* received data available */
#define IER_THRE   0x02 /* transmitter holding register empty */
#define IER_RLS	   0x04 /* receiver line status */
#define IER_MS	   0x08 /* modem status */
#define IER_ALL	   0x0f

/* In falling order of priority: RLS, RDA and timeout, THRE, MS. */
#define IIR_NONE	  0x01
#define IIR_RLS		  0x06
#define IIR_RDA		  0x04
#define IIR_TIMEOUT	  0x0c
#define IIR_THRE	  0x02
#define IIR_MS		  0x00
#define IIR_FIFOS	  0xc0 /* FIFOs are enabled */

#define FCR_ENABLE	  0x01
#define FCR_CLEAR_RX	  0x02
#define FCR_CLEAR_TX	  0x04
#define FCR_TRIGGER_SHIFT 6

#define LCR_DLAB	  0x80

#define MCR_DTR		  0x01
#define MCR_RTS		  0x02
#define MCR_OUT1	  0x04
#define MCR_OUT2	  0x08 /* on a PC: lets the interrupt through */
#define MCR_LOOP	  0x10
#define MCR_ALL		  0x1f

#define LSR_DR		  0x01 /* data ready */
#define LSR_OE		  0x02 /* overrun */
#define LSR_THRE	  0x20
#define LSR_TEMT	  0x40 /* transmitter wholly empty */

#define MSR_DCTS	  0x01
#define MSR_DDSR	  0x02
#define MSR_TERI	  0x04 /* RI has gone off */
#define MSR_DDCD	  0x08
#define MSR_CTS		  0x10
#define MSR_DSR		  0x20
#define MSR_RI		  0x40
#define MSR_DCD		  0x80

#endif /* MOAT_VMM_SERIAL_REGS_H */
